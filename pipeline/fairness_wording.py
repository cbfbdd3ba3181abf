"""Every text of the fairness audit that people read, in Indonesian and English."""

from collections.abc import Mapping
from typing import Any

from pipeline import wording
from pipeline.wording import Text

ATTRIBUTES: Mapping[str, Text] = {
    "caretaker_sex": Text("jenis kelamin pengurus", "sex of the caretaker"),
    "caretaker_age": Text("umur pengurus", "age of the caretaker"),
    "disability": Text("disabilitas berat dalam keluarga", "severe disability in the family"),
    "elderly_alone": Text("lansia tinggal sendiri", "elderly living alone"),
    "family_size": Text("jumlah anggota", "family size"),
    "urban": Text("perkotaan atau perdesaan", "urban or rural"),
    "java": Text("Jawa atau luar Jawa", "Java or outside"),
    "customary_community": Text("komunitas adat (KAT)", "customary community (KAT)"),
    "identity_problem": Text("masalah identitas", "identity problem"),
    "tenure": Text("lama kepesertaan", "time on PKH"),
    "thin_data": Text("data tipis", "thin data"),
}
GROUPS: Mapping[str, Text] = {
    "female": Text("perempuan", "women"),
    "male": Text("laki-laki", "men"),
    "under 40": Text("di bawah 40", "under 40"),
    "40 to 59": Text("40 sampai 59", "40 to 59"),
    "60 or older": Text("60 ke atas", "60 or older"),
    "yes": Text("ya", "yes"),
    "no": Text("tidak", "no"),
    "1 to 2": Text("1 sampai 2", "1 to 2"),
    "3 to 4": Text("3 sampai 4", "3 to 4"),
    "5 to 6": Text("5 sampai 6", "5 to 6"),
    "7 or more": Text("7 atau lebih", "7 or more"),
    "urban": Text("perkotaan", "urban"),
    "rural": Text("perdesaan", "rural"),
    "java": Text("Jawa", "Java"),
    "outside": Text("luar Jawa", "outside Java"),
    "under 2 years": Text("kurang dari 2 tahun", "under 2 years"),
    "2 to 5 years": Text("2 sampai 5 tahun", "2 to 5 years"),
    "6 years or more": Text("6 tahun atau lebih", "6 years or more"),
    "unknown": Text("tidak diketahui", "unknown"),
}
MEASURES: Mapping[str, Text] = {
    "selection": Text("masuk daftar", "listed"),
    "precision": Text("yang mencapai graduasi di antara yang terdaftar", "graduated, of the listed"),
    "recall": Text("terdaftar di antara yang mencapai graduasi", "listed, of those who graduated"),
    "false_proposal": Text("terdaftar di antara yang tidak mencapai graduasi", "listed, of those who did not graduate"),
    "missed": Text("terlewat di antara yang mencapai graduasi", "missed, of those who graduated"),
    "false_omission": Text("yang mencapai graduasi di antara yang tidak terdaftar", "graduated, of those not listed"),
    "observed_over_expected": Text("graduasi nyata dibagi yang diperkirakan", "graduations seen over expected"),
    "selection_of_eligible": Text(
        "masuk daftar di antara yang boleh diusulkan", "listed, of those who may be proposed"
    ),
    "held": Text("ditahan", "held"),
}
VERDICTS: Mapping[str, Text] = {
    "worse treated": Text("diperlakukan lebih buruk", "worse treated"),
    "better treated": Text("diperlakukan lebih baik", "better treated"),
    "higher": Text("lebih tinggi", "higher"),
    "lower": Text("lebih rendah", "lower"),
    "no difference found": Text("tidak ditemukan perbedaan", "no difference found"),
    "cannot tell": Text("tidak dapat dipastikan", "cannot tell"),
}
FINDING = Text(
    "{attribute}, {group}: {verdict}. {measure}: {rate} dibanding {rest} pada keluarga lain "
    "(selisih {lower} sampai {upper}).",
    "{attribute}, {group}: {verdict}. {measure}: {rate} against {rest} of everybody else "
    "(difference {lower} to {upper}).",
)
BARE = Text(
    "{attribute}, {group}: {verdict}. {measure} (jumlahnya terlalu kecil untuk ditunjukkan).",
    "{attribute}, {group}: {verdict}. {measure} (counts too small to show).",
)
COUNTED: Mapping[str, Text] = {
    "calm": Text(
        "Pada {count} perbandingan lain tidak ditemukan perbedaan, padahal selisih yang berarti akan terlihat.",
        "In {count} other comparisons no difference was found, where one that matters would have been seen.",
    ),
    "blind": Text(
        "Pada {count} perbandingan tidak dapat dipastikan: datanya terlalu sedikit.",
        "In {count} comparisons nobody can tell: there are too few families.",
    ),
}
NUMBERS = {"rate": "estimate", "rest": "rest", "lower": "difference_lower", "upper": "difference_upper"}
RATIOS = {"observed_over_expected"}


def measure(name: str) -> Text:
    """The words of a measure; of a kind of hold, those of the hold."""
    kind = name.removeprefix("held_")
    if name in MEASURES or kind == name:
        return wording.label(name, MEASURES)
    hold = wording.label(kind, wording.HOLDS)
    return Text(f"ditahan karena {hold.id}", f"held for {hold.en}")


def number(value: float, of: str) -> Text:
    """A share as a percentage, a ratio as a number."""
    if of in RATIOS:
        return wording.both(value, 2)
    return Text(wording.percent(value, "id", 1), wording.percent(value, "en", 1))


def finding(row: Mapping[Any, Any]) -> Text:
    """One line: whom, the verdict, and where they may be shown the rates of the group and of everybody else."""
    name = str(row["measure"])
    of = {
        "attribute": wording.label(str(row["attribute"]), ATTRIBUTES),
        "group": wording.label(str(row["group"]), GROUPS),
        "verdict": VERDICTS[str(row["verdict"])],
        "measure": measure(name),
    }
    if not row["shown"]:
        return BARE.fill(**of)
    return FINDING.fill(**of, **{k: number(float(row[c]), name) for k, c in NUMBERS.items()})


def counted(kind: str, count: int) -> Text:
    """How many comparisons ended so."""
    return COUNTED[kind].fill(count=wording.both(count, 0))
