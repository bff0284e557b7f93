"""How long a token is, for models whose tokenizer is not public or not at hand: declared estimates.

Tokens for 100 characters of Latin script, of Chinese, Japanese or Korean, and of anything else,
as far as vendors say it (Anthropic: 3.5 English characters a token; Google: 4; DeepSeek: 0.3 tokens
an English character, 0.6 a Chinese one; Zhipu, Tencent, Baidu: 1.5 to 1.8 Chinese characters a
token), rounded towards more tokens, and where they do not, as their relatives.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Chinese, Japanese and Korean scripts, with their punctuation and wide forms.
_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\u30ff\u3130-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]+"
)
_LATIN = re.compile("[\u0080-\u024f\u2000-\u206f]+")


@dataclass(frozen=True, slots=True)
class Family:
    """Tokens for 100 characters, by script."""

    name: str
    latin: int
    east_asian: int
    other: int

    def estimate(self, texts: Iterable[str]) -> int:
        """Return about how many tokens texts have; 0 for nothing, and at least 1 for something."""
        latin = east_asian = other = 0
        for text in texts:
            if text.isascii():
                latin += len(text)
                continue
            plain = len(text.encode("ascii", "ignore"))
            wide = sum(map(len, _EAST_ASIAN.findall(text)))
            accented = sum(map(len, _LATIN.findall(text)))
            latin += plain + accented
            east_asian += wide
            other += len(text) - plain - wide - accented
        total = latin * self.latin + east_asian * self.east_asian + other * self.other
        return -(-total // 100)


# For what is too long to be counted, and where an encoding cannot be loaded.
GENERAL = Family("general", 27, 80, 60)

_FAMILIES = (
    (r"claude", Family("Claude", 29, 110, 70)),
    (r"gemini|gemma|palm|learnlm", Family("Gemini", 25, 65, 50)),
    (r"qwen|qwq|qvq|tongyi", Family("Qwen", 29, 67, 60)),
    (r"glm|chatglm|charglm|codegeex", Family("GLM", 30, 63, 60)),
    (r"deepseek", Family("DeepSeek", 30, 60, 60)),
    (r"moonshot|kimi", Family("Kimi", 29, 67, 60)),
    (r"ernie|hunyuan|doubao|skylark|baichuan|yi-|minimax|abab|spark|step-|360gpt", GENERAL),
    (r"(?:meta-)?llama|mistral|mixtral|ministral|codestral|pixtral", Family("Llama", 28, 95, 70)),
    (r"command|aya-|grok|nova-|sonar", Family("other", 28, 95, 70)),
)
# A vendor's name or a path may stand before the model's: anthropic/claude-…, us.anthropic.claude-….
_BEFORE = r"(?:^|[/.@:]|~)"
_PATTERNS = [
    (re.compile(f"{_BEFORE}(?:{names})", re.IGNORECASE), family) for names, family in _FAMILIES
]


def family_of(model: str) -> Family | None:
    """Return the family whose tokens are estimated; None for models that are counted."""
    return next((family for pattern, family in _PATTERNS if pattern.search(model)), None)
