"""Every text of a family's life-cycle view, in Indonesian and English."""

from collections.abc import Mapping

from pipeline.wording import Text

KINDS: Mapping[str, Text] = {
    "pregnancy": Text("ibu hamil", "pregnancy"),
    "early_childhood": Text("anak usia dini", "early childhood"),
    "sd": Text("SD", "SD (primary)"),
    "smp": Text("SMP", "SMP (lower secondary)"),
    "sma": Text("SMA", "SMA (upper secondary)"),
    "elderly": Text("lansia", "elderly"),
    "disability": Text("disabilitas berat", "severe disability"),
    "adults": Text("dewasa lain", "other adults"),
}
TITLE = Text("Keluarga {family}: {years} tahun ke depan", "Family {family}: the next {years} years")
ON = Text("Pada", "On")
BENEFIT = Text("PKH 12 bulan", "PKH, 12 months")
ENDS = Text("Yang berakhir", "What ends")
ENDING = Text("{day}  {kind}, {persons} orang, {money} setahun{next}", "{day}  {kind}, {persons}, {money} a year{next}")
BECOMES = Text(", lalu {kind}", ", then {kind}")
NO_MORE = Text(", tidak ada penerus", ", nothing follows")
LAST = Text("komponen terakhir berakhir {day}", "the last component ends {day}")
LASTING = Text(
    "tidak ada akhir yang terlihat: lansia atau disabilitas berat tetap menjadi komponen",
    "no end in sight: the elderly and the severely disabled stay components",
)
NO_COMPONENT = Text("tidak ada komponen menurut catatan hari ini", "no component on record today")
NOTHING_ENDS = Text("tidak ada dalam jangka ini", "nothing within these years")
LOSES = Text(
    "Bila keluar sekarang, keluarga kehilangan PKH {a_year} dalam 12 bulan, {in_years} dalam {years} tahun",
    "If it left now, the family would lose {a_year} of PKH within 12 months, {in_years} within {years} years",
)
KEEPS_PBI = Text(
    "PBI-JK tetap: iuran {money} setahun dibayar negara", "PBI-JK stays: the state pays {money} a year for it"
)
NO_PBI = Text("PBI-JK tidak tercatat berjalan", "no PBI-JK on record")
SEMBAKO = Text(
    "Sembako {money} setahun mempunyai aturan sendiri (asumsi: tidak berakhir bersama PKH)",
    "Sembako, {money} a year, has a rule of its own (assumption: it does not end with PKH)",
)
NO_SEMBAKO = Text("Sembako tidak dibayarkan dalam 12 bulan terakhir", "no Sembako paid in the last 12 months")
ASSUMED = Text(
    "Proyeksi: anak bersekolah sampai tamat SMA, tarif {year} tetap; kematian, pindah, dan putus sekolah tidak "
    "diramal.",
    "A projection: children stay in school to the end of SMA at the rates of {year}; deaths, moves and leaving school "
    "early are not foretold.",
)
FIGURE_MONEY = Text("juta rupiah / 12 bulan", "million rupiah / year")
FIGURE_ALL = Text(
    "Komponen keluarga aktif, bila tidak ada yang masuk",
    "Components of active families, if nobody joined",
)
FIGURE_LEAVING = Text(
    "Keluarga yang komponen terakhirnya berakhir, per triwulan", "Families whose last component ends, by quarter"
)
FIGURE_FAMILIES = Text("keluarga", "families")
FIGURE_PERSONS = Text("orang", "persons")
