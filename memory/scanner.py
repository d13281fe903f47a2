"""What a lesson must not carry: secrets, and text that speaks to the model, not of the world.

Lessons come from text that anybody may have written. `scan` says what is suspicious in one,
`redact` takes secrets out of any text. Patterns of secrets are those of detect-secrets.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

Danger = Literal["instruction", "link", "tool call", "secret", "hidden"]
"""instruction: orders to the model. link: an address. tool call: the syntax of a call, a role or a
shell command. secret: a key, token or password. hidden: invisible, mixed or encoded letters."""

REDACTED = "[redacted]"

_UNDO = (
    r"(?:ignore|disregard|forget|override|bypass|overrule|dismiss|set aside|pay no attention to"
    r"|pay no heed to|do not follow|don't follow|stop following|never mind|ignorier\w*|vergiss"
    r"|missachte\w*|ignorez|oubliez|n[e']? ?(?:tenez|suivez)[\w ]*pas|ignora|olvida"
    r"|haz caso omiso de|no sigas)"
)
_ORDERS = (
    r"(?:instruct|prompt|guideline|guidance|directive|restriction|safet|polic|guardrail|"
    r"(?:previous|prior|above|earlier|your|all|the|these|those|any|original|system)\s+(?:\w+\s+)?"
    r"(?:rule|direction|order|command|message|context|task|goal)|what you (?:were|have been|are)|"
    r"anweisung|vorgabe|regel|consigne|r[eè]gle|instrucci|regla|órdenes)"
)
_MODEL = r"(?:ai|a\.i\.|language model|assistant|chatbot|llm|chatgpt|gpt|claude)"
_INSTRUCTIONS = (
    rf"\b{_UNDO}(?:\W+\w+){{0,4}}?\W+{_ORDERS}\w*",
    rf"\b{_UNDO}\W+(?:all|everything|anything|whatever|what)\b.{{0,30}}\b(?:above|before|earlier"
    r"|previous|told|said|asked)",
    r"\b(?:system|developer)\W+(?:prompt(?!s)|override|instruction)",
    r"\b(?:system|developer|admin(?:istrator)?)\W+(?:message|note|notice|override)\b\W*(?:[:\-]|from"
    r"|says|to (?:you|the))",
    r"\b(?:new|real|true|actual|hidden|secret|updated)\W+(?:instruction|directive|objective|goal"
    r"|purpose|mission)s?\b.{0,30}?(?:\b(?:is|are)\b|:)",
    r"\b(?:the following|these|my|our) (?:instructions?|orders?|task)\b.{0,30}\b(?:replace"
    r"|supersede|overrid|instead)",
    rf"\byou\W+are\W+(?:now|no longer|actually|a|an|{_MODEL})\b.{{0,40}}"
    rf"\b(?:{_MODEL}|model|bot|dan|agent|unrestricted|jailbroken|admin(?:istrator)?|root)\b",
    r"\b(?:pretend|act|behave|role-?play)\W+(?:to be|as if you were|as|like)\W+(?:\w+\W+){0,3}?"
    rf"(?:{_MODEL}|model|bot|dan|owner|admin\w*|developer|hacker|unrestricted|expert|god|root)\b",
    rf"\b{_MODEL}s?(?:\W+agents?)?\W+(?:must|shall|has to|have to|is required|are required|will)\b",
    rf"\b(?:ai|{_MODEL})\W+agents?\W+(?:must|should|shall|have to|reading)\b",
    rf"\b(?:{_MODEL}|agent|model)s?\W+(?:reading|who reads?|that reads?) this\b",
    rf"\b(?:note|message|attention|reminder|notice|instructions?)\W+(?:to|for)\W+(?:the\W+|any\W+|all"
    rf"\W+)?(?:{_MODEL}|agent|model|bot)s?\b",
    r"\b(?:do not|don't|never)\W+(?:tell|inform|reveal|warn|alert|notify)\W+"
    r"(?:the\W+|your\W+|any\W+)?(?:user|human|operator|anyone|owner|developer)s?\b(?!\W+that)",
    r"\b(?:do not|don't|never)\W+(?:tell|inform|warn|alert|notify)\b.{0,30}\bthat you\b",
    r"\b(?:reveal|print|repeat|output|leak|expose|exfiltrate|disclose|share|dump)\b.{0,40}\b(?:system"
    r" prompt|your (?:\w+ )?(?:prompt|instructions|credentials?|passwords?|secrets?|keys?|memory)"
    r"|api keys?|private keys?|environment variables?)\b",
    r"\b(?:send|post|upload|forward|email|transmit)\b.{0,40}\b(?:your|all|conversation|history|notes"
    r"|memory|files?|data|credentials?|keys?|passwords?)\b.{0,40}\b(?:to|at|via)\b.{0,20}(?:@|http"
    r"|\b(?:server|webhook|endpoint|attacker|address)\b)",
    r"\b(?:jailbreak|prompt injection|do anything now|developer mode|god mode|sudo mode)\b",
    r"\b(?:always|must)\W+(?:obey|comply)\b|\balways\W+(?:answer|reply|respond)\W+with the word\b",
    r"\b(?:remember|store|save|memori[sz]e|write|keep)\W+(?:this|that|it|the following)\b.{0,30}"
    r"\b(?:permanently|forever|for ever|(?:your|long.term) memory|as your lesson|as a lesson)\b",
    r"\b(?:from now on|hereafter|henceforth)\b.{0,60}\b(?:all|every|always|any)\b",
    r"\bin (?:all|every|each) (?:future|later) (?:task|episode|session|conversation|chat)s?\b",
    r"\bwithout (?:asking|telling|informing|notifying) (?:the |your )?(?:user|human|operator|anyone"
    r"|owner)\b",
)
_LINKS = (
    r"\b(?:https?|ftp|file|javascript|data|ws|wss|ssh|smb|ldap)\s*:\s*(?://|[a-z]+/)\S*",
    r"\bjavascript:\S+",
    r"\bhxxps?\b\S*",
    r"\bwww\.\S+",
    r"\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]+\b",
    r"\b(?:to|from|at|on|host|server|ip|address)\W+\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}[:/]\d",
    r"(?-i:\b[a-z0-9-]{2,63}(?:\.|\s?\[\.\]\s?|\s?\(dot\)\s?)(?:com|net|org|ru|cn|xyz|app|info|onion|biz"
    r"|top|site|io)\b(?:/\S*)?)",
    r"!?\[[^\]]{0,200}\]\([^)]{1,400}\)",
)
_CALLS = (
    r"</?\s*(?:tool|tool_call|function|function_call|invoke|system|user|assistant|im_start|im_end|inst"
    r"|script|iframe|object)\b[^>]{0,200}>",
    r"<\|[^|>]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>",
    r"\b(?:tool_calls?|function_calls?|tool_use|tool_choice)\b",
    r"[\"'](?:name|tool|function|arguments|parameters)[\"']\s*:\s*[\"'{\[]",
    r"(?:^|[\n.;:!?]\s*)(?:action|thought|observation|final answer|system|assistant|human)\s*:\s",
    r"\b(?:curl|wget)\b[^\n]{0,80}(?:\||://|\.\w{2,3}\b)|\brm\s+-\w*[rf]\w*\s+[/~*]|\bmkfs\b|\bdd\s+if="
    r"|\bnc\s+-|\bbase64\s+-d\b|\bchmod\s+\+?[0-7x]+\s+/|\bpowershell\b.{0,20}-e",
    r"\b(?:eval|exec)\s*\(\s*(?:open|input|requests|base64|__)|__import__\s*\(|\bos\.system\s*\(",
    r"\$\([^)]{0,200}\)|\{\{[^}]{0,200}\}\}|\{%.{0,200}?%\}",
    r"[;&|]{1,2}\s*(?:rm|curl|wget|sh|bash|nc)\b",
    r"['\"]\s*;\s*(?:drop|truncate|delete)\b|\b(?:drop|truncate)\s+(?:table|database)\b|\bunion\s+select\b"
    r"|'\s*or\s+'?1'?\s*=",
    r"^\W{0,20}(?:\S{1,80}\s){0,3}sudo\s+\w+",
)
_ENCODED = re.compile(
    r"\b(?=[A-Za-z0-9+/]{0,64}[a-z])(?=[A-Za-z0-9+/]{0,64}[A-Z0-9])[A-Za-z0-9+/]{32,}={0,2}"
    r"|\b(?:[0-9a-fA-F]{2}[ :]?){16,}\b|(?:\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}){4,}"
    r"|(?:&#x?[0-9a-fA-F]+;){3,}"
)


_TOKEN = re.compile(r"[\w+/=.-]{0,400}")
_SPACED = re.compile(r"(?:\b\w[ ._-]){4,}\w\b\s?")
_MIXED = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w@$]{4,}\b")
_LEET = str.maketrans("013457@$", "oieastas")


def _compiled(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)


_PATTERNS: dict[Danger, tuple[re.Pattern[str], ...]] = {
    "instruction": _compiled(_INSTRUCTIONS),
    "link": _compiled(_LINKS),
    "tool call": _compiled(_CALLS),
}
_KEY = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd?|secret|token|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|session[ _-]?id|auth(?:orization)?|credentials?|pin)"
)
_NAME = (
    rf"(?i)(?<![A-Za-z0-9])(?:[A-Za-z0-9]{{1,20}}[_-]){{0,4}}{_KEY}"
    r"(?:[_-][A-Za-z0-9]{1,20}){0,3}"
)
_SPOKEN = (  # words that follow "the password is" and are none
    r"(?:required?|missing|wrong|incorrect|correct|invalid|valid|expired|needed|empty|set|unknown|not"
    r"|optional|hidden|forgotten|changed|reset|stored|asked|none|null|true|false|yes|weak|strong"
    r"|protected|accepted|rejected|denied|safe|here|there|lost|found|same|different|known)"
)
_SECRETS = (
    rf"{_NAME}[\"']?\s{{0,3}}(?:=>|[=:])\s{{0,3}}[\"']([^\"'\n]{{4,200}})[\"']",
    rf"{_NAME}\s?=\s?(?![$<{{\[(])(?![\w.]+[\[(])([^\s\"',;&]{{4,200}})",
    rf"{_NAME}\s{{1,3}}[\"']((?=[^\"'\n]*\d)[^\s\"'\n]{{6,200}})[\"']",
    rf"{_NAME}[\"']?\s{{0,3}}(?:is|was|:|=>)\s{{1,3}}[\"'`]?((?=[^\s\"'`,;]*\d)[^\s\"'`,;]{{4,200}})",
    rf"{_NAME}:((?=[^\s\"',;]*\d)[^\s\"',;]{{4,200}})",
    r"(?i)(?<![A-Za-z])(?:password|passwd|passphrase|passcode|pwd)\s{0,3}(?:is|:)\s{1,3}"
    rf"(?!{_SPOKEN}\b)([A-Za-z]{{4,60}})(?=\s*(?:[.,;!\n]|$))",
    r"(?i)\b(?:bearer|basic)\s+((?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{12,400})",
    r"\bsk-[A-Za-z0-9_-]{16,200}",
    r"\bgithub_pat_\w{20,200}",
    r"\bAIza[0-9A-Za-z_-]{30,100}",
    r"\bhf_[A-Za-z0-9]{20,100}",
    r"(?s)-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,100}:([^\s@/]{1,200})@",
)
_SECRET_PATTERNS = tuple(re.compile(pattern) for pattern in _SECRETS)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something suspicious in a text."""

    danger: Danger
    text: str
    """What was found, at most 80 characters of it; never a secret itself."""

    def __str__(self) -> str:
        """Return both in a few words."""
        return f"{self.danger}: {self.text}"


def scan(text: str) -> tuple[Finding, ...]:
    """Return what is suspicious in a text, each kind once; nothing for plain talk of a world.

    Letters are compared as they look: width and case do not count, nor do invisible ones between
    them, digits in the place of letters, or spaces between single letters. What cannot be seen at
    all counts as hidden.
    """
    found: dict[Danger, str] = {}
    if hidden := _hidden(redact(text)):
        found["hidden"] = hidden
    plain = unicodedata.normalize("NFKC", "".join(c for c in text if _is_seen(c)))
    if any(True for _ in _secrets(plain)):
        found["secret"] = REDACTED
        plain = redact(plain)
    spelled = _spelled_out(plain)
    for danger, patterns in _PATTERNS.items():
        for pattern in patterns:
            match = pattern.search(plain)
            if match is None and danger == "instruction" and spelled != plain:
                match = pattern.search(spelled)
            if match:
                found[danger] = match[0][:80]
                break
    return tuple(Finding(danger, said) for danger, said in found.items())


def redact(text: str) -> str:
    """Return a text with every secret in it replaced by `[redacted]`."""
    parts, end = list[str](), 0
    for first, last in sorted(_secrets(text)):
        if last <= end:
            continue
        parts += [text[end : max(first, end)], REDACTED if first >= end else ""]
        end = last
    return "".join([*parts, text[end:]])


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the secrets in a text begin and end; they may overlap."""
    for pattern in _SECRET_PATTERNS:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups else 0
            if REDACTED not in match[group]:
                yield match.span(group)
    for pattern in _known_forms():
        for match in pattern.finditer(text):  # a pattern may end before its token does
            rest = _TOKEN.match(text, match.end())
            yield match.start(), rest.end() if rest else match.end()


def _spelled_out(text: str) -> str:
    """Return a text with letters that stand alone drawn together, and digits read as letters."""
    joined = _SPACED.sub(lambda found: re.sub(r"[\W_]", "", found[0]) + " ", text)
    return _MIXED.sub(lambda found: found[0].translate(_LEET), joined)


@cache
def _known_forms() -> tuple[re.Pattern[str], ...]:
    """Return detect-secrets' patterns of keys and tokens that have a form of their own."""
    from importlib import import_module

    names = {
        "artifactory": "ArtifactoryDetector",
        "aws": "AWSKeyDetector",
        "azure_storage_key": "AzureStorageKeyDetector",
        "discord": "DiscordBotTokenDetector",
        "github_token": "GitHubTokenDetector",
        "gitlab_token": "GitLabTokenDetector",
        "jwt": "JwtTokenDetector",
        "mailchimp": "MailchimpDetector",
        "npm": "NpmDetector",
        "openai": "OpenAIDetector",
        "pypi_token": "PypiTokenDetector",
        "sendgrid": "SendGridDetector",
        "slack": "SlackDetector",
        "square_oauth": "SquareOAuthDetector",
        "stripe": "StripeDetector",
        "telegram_token": "TelegramBotTokenDetector",
        "twilio": "TwilioKeyDetector",
    }
    detectors = (
        getattr(import_module(f"detect_secrets.plugins.{module}"), name)
        for module, name in names.items()
    )
    return tuple(pattern for detector in detectors for pattern in detector.denylist)


def _is_seen(character: str) -> bool:
    """Whether a character is printed at all, or is a space."""
    return unicodedata.category(character) not in ("Cf", "Co", "Cn", "Cs") and not _is_mark(
        character
    )


def _is_mark(character: str) -> bool:
    """Whether a character changes another one invisibly (variation selectors)."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


_LOOK_ALIKES = frozenset("аеорсухіјѕԁԛԝһԍΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανιρυАВЕКМНОРСТУХЅІЈ")
"""Cyrillic and Greek letters that look like Latin ones."""


def _hidden(text: str) -> str:
    """Return what is there and not to be seen, or is not what it looks like; or nothing."""
    before = " "
    for character in text:
        is_emoji = _is_mark(character) and unicodedata.category(before) in ("So", "Sm", "Nd", "Po")
        if not is_emoji and (
            not _is_seen(character) or (character < " " and character not in "\n\t\r")
        ):
            return f"the invisible character U+{ord(character):04X}"
        before = character
    for word in re.findall(r"\w+", text):
        if _LOOK_ALIKES.intersection(word) and any(c.isascii() and c.isalpha() for c in word):
            return f"letters of several scripts in {word!r}"[:80]
    match = _ENCODED.search(text)
    return f"an encoded text, {match[0][:20]}…" if match else ""
