"""What can go wrong in a memory that its user, or the writer of a lesson, can put right."""


class MemoryUseError(Exception):
    """The user must change something; the message says what. Parent of the others."""


class MemoryAccessError(MemoryUseError):
    """The memory cannot be opened as asked: in use, foreign, or made by another embedder."""


class LessonError(MemoryUseError):
    """A lesson that cannot be taken; whoever wrote it may read why and write it again."""


class LessonNotFoundError(MemoryUseError):
    """No lesson of that id in this scope."""
