"""Numbers and days as people write them in each language; tests hold them against the pipeline's own."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

SWAP = str.maketrans(",.", ".,")


def decimal(value: float, places: int, language: str) -> str:
    """At most `places` decimals, thousands grouped."""
    rounded = Decimal(str(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, rest = f"{rounded if rounded else abs(rounded):,f}".partition(".")
    rest = rest.rstrip("0")
    written = f"{whole}.{rest}" if rest else whole
    return written if language == "en" else written.translate(SWAP)


def percent(share: float, language: str, places: int = 0) -> str:
    return f"{decimal(100 * share, places, language)}%"


def money(rupiah: float, language: str) -> str:
    return f"Rp{decimal(rupiah, 0, language)}"


def day(value: date | str | None) -> str:
    """dd/mm/yyyy, the form of both languages; '' for none."""
    if not value:
        return ""
    found = date.fromisoformat(value) if isinstance(value, str) else value
    return found.strftime("%d/%m/%Y")
