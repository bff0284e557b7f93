"""What one usage costs.

Owns the arithmetic of a charge: usage by class × price × group ratio, rounded once, at the end, up
to the next nano-dollar. Promises exact whole-number arithmetic: a row is compiled into one integer
per class over a common denominator, and no float or decimal is involved after that. The factors of
a quote go into the event, and from them alone `charge_from_factors` derives the amount again,
slowly and by other means, for whoever checks. Refuses usage that is not whole numbers of known
classes, and amounts that do not fit into 64 bits. Negative counts are taken as zero; the meter
already clamps them, so that no wrong guess about a vendor's cache figures can lower a charge.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from ledger.errors import InvalidEvent
from ledger.money import MAX_NANO, NANO_PER_USD, usd

INPUT_CLASSES = (
    "input",
    "cached",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "image_input",
)
OUTPUT_CLASSES = ("output", "reasoning", "audio_output", "image_output")
MILLION_CLASSES = (*INPUT_CLASSES, *OUTPUT_CLASSES, "characters")
# Calls of tools that the upstream runs itself and bills one by one.
TOOL_CLASSES = ("web_searches", "file_searches")
UNIT_CLASSES = ("calls", "images", "seconds", *TOOL_CLASSES)
USAGE_CLASSES = (*MILLION_CLASSES, *UNIT_CLASSES)
PER_MILLION = 1_000_000

# A class without a price of its own costs as much as this one, which may again have none. Part of
# the meaning of recorded factors: a new rule needs a new version of the event's schema. The classes
# and the rule that version 3 of usage.charged brought are in NEW_IN.
FALLBACK = {
    "cached": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "audio_input": "input",
    "image_input": "input",
    "reasoning": "output",
    "audio_output": "output",
    "image_output": "output",
}
# By the version of usage.charged that brought them: no event of an earlier one can hold them.
NEW_IN = {3: frozenset(("cache_write_1h", *TOOL_CLASSES))}
PLENTY = 10**12

_PLAIN = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)

Factors = dict[str, Any]
NO_TOOLS: Mapping[str, int] = {}


class _Level:
    """The multipliers that hold above one length of the input context."""

    __slots__ = ("above", "dearest_input", "dearest_output", "factors", "multipliers")

    def __init__(self, factors: Factors, multipliers: dict[str, int]) -> None:
        self.above = factors.get("tier") or 0
        self.factors = factors
        self.multipliers = multipliers
        self.dearest_input = max(multipliers[name] for name in INPUT_CLASSES)
        self.dearest_output = max(multipliers[name] for name in OUTPUT_CLASSES)


class Quote:
    """The price of one model for one group under one price version; compiled once and shared.

    `factors` are those of the lowest tier, `factors_for(usage)` those that a charge was made with
    and that its event must hold: the same dicts every time, never to be changed.
    `max_output_tokens` is the ceiling of the model, or None when the book does not know it.
    """

    __slots__ = ("_base", "_denominator", "_levels", "factors", "is_free", "max_output_tokens")

    def __init__(self, levels: Sequence[Factors], max_output_tokens: int | None = None) -> None:
        """Compile from factors, one per tier, lowest first.

        Raises InvalidEvent when a rate or the group ratio is not a plain decimal.
        """
        exact = [_nano_per_unit(factors) for factors in levels]
        denominator = lcm(*(x.denominator for prices in exact for x in prices.values()))
        self._levels = [
            _Level(factors, {name: int(x * denominator) for name, x in prices.items()})
            for factors, prices in zip(levels, exact, strict=True)
        ]
        self._denominator = denominator
        self._base = self._levels[0].multipliers
        self.factors = levels[0]
        self.is_free = not any(any(level.multipliers.values()) for level in self._levels)
        self.max_output_tokens = max_output_tokens

    def factors_for(self, usage: Mapping[str, int]) -> Factors:
        """Return the factors that this usage is charged with, for the event."""
        return self._level(usage).factors

    def scaled(self, ratio: str) -> "Quote":
        """Return the same prices with another ratio in place of the group's: what a cost is."""
        levels = [{**level.factors, "group_ratio": ratio} for level in self._levels]
        return Quote(levels, self.max_output_tokens)

    def charge_nano(self, usage: Mapping[str, int]) -> int:
        """Return the charge in nano-dollars, rounded up once.

        Raises InvalidEvent for an unknown class, a count that is not a whole number, or a charge
        that does not fit into 64 bits.
        """
        prices = self._base if len(self._levels) == 1 else self._level(usage).multipliers
        total = 0
        for name, count in usage.items():
            if name not in prices or not isinstance(count, int) or isinstance(count, bool):
                raise InvalidEvent(f"usage has no class {name!r} with the count {count!r}")
            if count > 0:
                total += count * prices[name]
        charge = -(-total // self._denominator)
        if charge > MAX_NANO:
            raise InvalidEvent(f"a charge of {usd(charge)} USD does not fit into the books")
        return charge

    def estimate_nano(
        self, input_tokens: int, output_tokens: int, tools: Mapping[str, int] = NO_TOOLS
    ) -> int:
        """Return an upper bound for one call with at most so many tokens in and out.

        `tools` is how often each tool may be called at most, by class. The bound holds however the
        tokens divide into classes (cached, reasoning, audio, …) and whichever tier applies. Images,
        seconds and characters are known beforehand: price those with `charge_nano`. Amounts beyond
        64 bits are returned as the largest amount.
        """
        tokens_in, tokens_out = max(0, input_tokens), max(0, output_tokens)
        total = max(
            self._before_output(level, tokens_in, tools) + tokens_out * level.dearest_output
            for level in self._reachable(tokens_in)
        )
        return min(-(-total // self._denominator), MAX_NANO)

    def affordable_output_tokens(
        self, amount_nano: int, input_tokens: int, tools: Mapping[str, int] = NO_TOOLS
    ) -> int:
        """Return how many output tokens fit into an amount beside so many input tokens and tools.

        The largest n with estimate_nano(input_tokens, n, tools) <= amount_nano, at most PLENTY
        (free output); 0 also when the rest alone is more than the amount.
        """
        tokens_in, budget = max(0, input_tokens), amount_nano * self._denominator
        fewest = PLENTY
        for level in self._reachable(tokens_in):
            rest = budget - self._before_output(level, tokens_in, tools)
            if rest < 0:
                return 0
            if level.dearest_output:
                fewest = min(fewest, rest // level.dearest_output)
        return fewest

    def _before_output(self, level: _Level, tokens_in: int, tools: Mapping[str, int]) -> int:
        total = tokens_in * level.dearest_input + level.multipliers["calls"]
        return total + sum(max(0, count) * level.multipliers[name] for name, count in tools.items())

    def _level(self, usage: Mapping[str, int]) -> _Level:
        context = 0
        for name in INPUT_CLASSES:
            context += max(0, usage.get(name, 0))
        for level in reversed(self._levels):
            if context > level.above:
                return level
        return self._levels[0]

    def _reachable(self, tokens_in: int) -> list[_Level]:
        base, *tiers = self._levels
        return [base, *(tier for tier in tiers if tokens_in > tier.above)]


def _fraction(text: object) -> Fraction:
    if not isinstance(text, str) or _PLAIN.fullmatch(text) is None:
        raise InvalidEvent(f"{text!r:.60} is not a plain decimal")
    return Fraction(text)


def _nano_per_unit(factors: Factors) -> dict[str, Fraction]:
    """Return nano-dollars per token, character or unit of every class, group ratio included."""
    ratio = _fraction(factors["group_ratio"])
    prices = {}
    for name in USAGE_CLASSES:
        rate = _fraction(_rate(factors, name)) * ratio * NANO_PER_USD
        prices[name] = rate / PER_MILLION if name in MILLION_CLASSES else rate
    return prices


def _rate(factors: Factors, name: str) -> str:
    """Return the class's own rate, or the first along the chain of FALLBACK that there is."""
    rates: dict[str, str] = factors["rates"]
    at: str | None = name
    while at is not None:
        found = rates.get(at)
        if found:
            return found
        at = FALLBACK.get(at)
    return "0"


def unpriced_tools(factors: Factors, usage: Mapping[str, int]) -> list[str]:
    """Return the tools that were called and have no price, so that their calls were free."""
    rates = factors["rates"]
    return [name for name in TOOL_CLASSES if usage.get(name, 0) > 0 and not rates.get(name)]


def _exact_usd(factors: Factors, usage: Mapping[str, int]) -> Fraction:
    total = Fraction(0)
    for name, count in usage.items():
        if name not in USAGE_CLASSES or not isinstance(count, int) or isinstance(count, bool):
            raise InvalidEvent(f"usage has no class {name!r} with the count {count!r}")
        per = PER_MILLION if name in MILLION_CLASSES else 1
        total += max(0, count) * _fraction(_rate(factors, name)) / per
    return total * _fraction(factors["group_ratio"])


def charge_from_factors(factors: Factors, usage: Mapping[str, int]) -> int:
    """Derive a charge in nano-dollars from what an event itself says, in exact fractions.

    Raises InvalidEvent when the factors or the usage are not such as an event holds.
    """
    try:
        nano = _exact_usd(factors, usage) * NANO_PER_USD
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidEvent(f"the price factors can't be read: {error!r}") from None
    return -(-nano.numerator // nano.denominator)


def exact_text(factors: Factors, usage: Mapping[str, int]) -> str:
    """Return a charge in USD as it was before rounding, with all its decimals.

    Raises InvalidEvent as `charge_from_factors` does.
    """
    try:
        return _decimal(_exact_usd(factors, usage))
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidEvent(f"the price factors can't be read: {error!r}") from None


def explain(factors: Factors, usage: Mapping[str, int]) -> str:
    """Write a charge as a formula with its numbers, in USD, with the rounding if there is any.

    Raises InvalidEvent as `charge_from_factors` does.
    """
    charge = usd(charge_from_factors(factors, usage))
    if factors.get("unpriced"):
        return "0 USD: this model had no price, and models without a price were allowed"
    per_million = _sum(factors, usage, MILLION_CLASSES)
    parts = [f"({per_million}) / 1,000,000"] if per_million else []
    if per_unit := _sum(factors, usage, UNIT_CLASSES):
        parts.append(per_unit)
    if not parts:
        return "0 USD: nothing that has a price was used"
    body = parts[0] if per_million and len(parts) == 1 else f"({' + '.join(parts)})"
    exact = _exact_usd(factors, usage)
    rounded = "" if Fraction(charge) == exact else f", rounded up to {charge} USD"
    tier = factors.get("tier")
    above = f" (prices above {tier:,} input tokens)" if tier else ""
    above += f" (prices of {factors['variant']})" if factors.get("variant") else ""
    return f"{factors['group_ratio']} × {body} = {_decimal(exact)} USD{rounded}{above}"


def _sum(factors: Factors, usage: Mapping[str, int], classes: Iterable[str]) -> str:
    return " + ".join(
        f"{usage[name]} {name} × {_rate(factors, name)}"
        for name in classes
        if usage.get(name, 0) > 0 and _rate(factors, name) != "0"
    )


def _decimal(value: Fraction) -> str:
    """Write a fraction that ends in base ten, as all products of plain decimals do."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
