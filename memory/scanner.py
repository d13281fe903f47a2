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

_VERB = (
    r"(?:ignore|disregard|forget|override|bypass|overrule|ignoriere|vergiss|ignorez|oubliez|"
    r"ignora|olvida|ignorieren sie)"
)
_ORDERS = (
    r"(?:instruction|prompt|rule|guideline|direction|order|command|message|context|restriction|"
    r"safet|polic|guardrail|anweisung|regel|consigne|instrucci|r[eè]gle|regla)"
)
_INSTRUCTIONS = (
    rf"\b{_VERB}\b(?:\W+\w+){{0,5}}?\W+{_ORDERS}",
    rf"\b{_VERB}\b\W+(?:all|everything|anything|what)\b.{{0,30}}\b(?:above|before|earlier|previous"
    r"|told|said)",
    r"\b(?:system|developer|admin(?:istrator)?)\W+(?:prompt|message|note|notice|override|mode"
    r"|instruction)",
    r"\b(?:new|updated|real|hidden|secret|following|urgent|important)\W+(?:instruction|order|task"
    r"|objective|directive)s?\b",
    r"\byou\W+are\W+(?:now|no longer|actually|a|an|chatgpt|gpt|claude)\b.{0,40}"
    r"\b(?:assistant|model|ai|bot|mode|dan|agent|llm|unrestricted|jailbroken|chatgpt|claude)\b",
    r"\b(?:pretend|act|behave|roleplay|role-play)\W+(?:to be|as|as if|like)\b",
    r"\b(?:ai|language model|assistant|chatbot|llm|agent)s?\W+(?:must|should|shall|has to|have to"
    r"|is required|are required|reading this|will)\b",
    r"\b(?:note|message|attention|reminder|notice|instructions?)\W+(?:to|for)\W+(?:the\W+|any\W+|all"
    r"\W+)?(?:ai|model|assistant|agent|llm|bot)s?\b",
    r"\b(?:do not|don't|never)\W+(?:tell|inform|mention|reveal|warn|alert|report|show|log|notify)\b"
    r".{0,40}\b(?:user|human|operator|anyone|owner|this|developer)\b",
    r"\b(?:reveal|print|repeat|output|leak|expose|exfiltrate|disclose|share)\b.{0,40}\b(?:system"
    r" prompt|instructions|password|credentials?|api key|secrets?|private key|tokens?|environment"
    r" variables?)\b",
    r"\b(?:send|post|upload|forward|email|transmit|report)\b.{0,60}\b(?:to|at|via)\b.{0,20}(?:@|http"
    r"|\bserver\b|\bwebhook\b|\bendpoint\b|\battacker\b)",
    r"\b(?:jailbreak|prompt injection|do anything now|developer mode|god mode|sudo mode)\b",
    r"\b(?:always|must)\W+(?:answer|reply|respond|say|obey|comply)\b",
    r"\b(?:remember|store|save|memori[sz]e|write)\W+(?:this|that|it|the following)\W+"
    r"(?:permanently|forever|in|into|to|as)\W+(?:your\W+|the\W+|long)?\W*(?:memory|term|lesson|rule)",
    r"\bfrom now on\b|\bin all (?:future|later) (?:tasks|episodes|sessions|conversations)\b",
    r"\bwithout (?:asking|confirmation|permission|telling|approval)\b",
)
_LINKS = (
    r"\b(?:https?|ftp|file|javascript|data|ws|wss|ssh|smb|ldap)\s*:\s*(?://|[a-z]+/)\S*",
    r"\bjavascript:\S+",
    r"\bhxxps?\b\S*",
    r"\bwww\.\S+",
    r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b",
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
    r"\b[a-z0-9-]+(?:\.|\s?\[\.\]\s?|\s?\(dot\)\s?)(?:com|net|org|io|ru|cn|xyz|dev|app|info|onion|co"
    r"|ai|biz|top|site)\b(?:/\S*)?",
    r"!?\[[^\]]*\]\([^)]+\)",
)
_CALLS = (
    r"</?\s*(?:tool|function|invoke|system|user|assistant|im_start|im_end|s|inst|script|iframe|img"
    r"|a|svg|object|style|form)\b[^>]{0,200}>",
    r"<\|[^|>]{1,40}\|>|\[/?INST\]|<</?SYS>>|<s>|</s>",
    r"\b(?:tool_calls?|function_calls?|tool_use|tool_choice)\b",
    r"[\"'](?:name|tool|function|arguments|parameters)[\"']\s*:\s*[\"'{\[]",
    r"(?:^|[\n.;:]\s*)(?:action|thought|observation|final answer|system|assistant|user|human)"
    r"\s*:\s",
    r"\b(?:curl|wget|rm\s+-\w*[rf]|chmod|chown|sudo|nc\s+-|powershell|base64\s+-d|mkfs|dd\s+if=)\s*\S",
    r"\b(?:eval|exec|system|popen|__import__|subprocess\.\w+|os\.\w+|require|fetch)\s*\(",
    r"\$\([^)]*\)|`[^`]*`|\$\{[^}]*\}|\{\{[^}]*\}\}|\{%.*?%\}",
    r"[;&|]{1,2}\s*(?:rm|cat|curl|wget|sh|bash|python|nc|echo)\b",
    r"\b(?:drop|truncate|delete)\s+(?:table|database|from)\b|\bunion\s+select\b|'\s*or\s+'?1'?\s*=",
)
_ENCODED = re.compile(
    r"\b(?=[A-Za-z0-9+/]*[a-z])(?=[A-Za-z0-9+/]*[A-Z0-9])[A-Za-z0-9+/]{32,}={0,2}"
    r"|\b(?:[0-9a-fA-F]{2}[ :]?){16,}\b|(?:\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}){4,}"
    r"|(?:&#x?[0-9a-fA-F]+;){3,}"
)


def _compiled(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)


_PATTERNS: dict[Danger, tuple[re.Pattern[str], ...]] = {
    "instruction": _compiled(_INSTRUCTIONS),
    "link": _compiled(_LINKS),
    "tool call": _compiled(_CALLS),
}
_SECRETS = (
    r"(?i)\b(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[ _-]?key|access[ _-]?key|auth"
    r"|credential|pin)\b\s*(?:is|are|=|:|=>)\s*[\"']?([^\s\"',;]{4,})",
    r"\bsk-[A-Za-z0-9_-]{16,}",
    r"\bgithub_pat_\w{20,}",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"\bhf_[A-Za-z0-9]{20,}",
    r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\b[a-z][a-z0-9+.-]*://[^\s:/@]+:([^\s@/]+)@",
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
    them. What cannot be seen at all counts as hidden.
    """
    found: dict[Danger, str] = {}
    if hidden := _hidden(text):
        found["hidden"] = hidden
    plain = unicodedata.normalize("NFKC", "".join(c for c in text if _is_seen(c)))
    if any(True for _ in _secrets(plain)):
        found["secret"] = REDACTED
    for danger, patterns in _PATTERNS.items():
        for pattern in patterns:
            if match := pattern.search(plain):
                found[danger] = redact(match[0])[:80]
                break
    return tuple(Finding(danger, said) for danger, said in found.items())


def redact(text: str) -> str:
    """Return a text with every secret in it replaced by `[redacted]`."""
    for secret in sorted(set(_secrets(text)), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _secrets(text: str) -> Iterator[str]:
    """Yield the secrets in a text, as they stand there."""
    for pattern in _SECRET_PATTERNS:
        for match in pattern.finditer(text):
            secret = match[1] if pattern.groups else match[0]
            if REDACTED not in secret:
                yield secret
    for pattern in _known_forms():
        for match in pattern.finditer(text):  # a pattern may end before its token does
            rest = re.match(r"[\w+/=.-]*", text[match.end() :])
            yield match[0] + (rest[0] if rest else "")


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


def _hidden(text: str) -> str:
    """Return what is there and not to be seen, or is not what it looks like; or nothing."""
    for character in text:
        if not _is_seen(character) or (character < " " and character not in "\n\t\r"):
            return f"the invisible character U+{ord(character):04X}"
    for word in re.findall(r"\w+", text):
        scripts = {unicodedata.name(c, "?").split()[0] for c in word if c.isalpha()}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}:
            return f"letters of several scripts in {word!r}"[:80]
    match = _ENCODED.search(text)
    return f"an encoded text, {match[0][:20]}…" if match else ""
