"""Texts that only the published bundle adds: events of a family's history, and why a family entered or left a list."""

from collections.abc import Mapping

from pipeline.wording import Text

EVENTS: Mapping[str, Text] = {
    "membership": Text("kepesertaan", "membership"),
    "case": Text("kasus", "case"),
    "programme": Text("program dimulai", "programme began"),
    "programme_end": Text("program berakhir", "programme ended"),
    "survey": Text("pemutakhiran sosial ekonomi", "socio-economic update"),
    "identity": Text("pemeriksaan identitas", "identity check"),
    "payment": Text("penyaluran tidak sampai", "payment not received"),
}
MEMBERSHIP: Mapping[str, Text] = {
    "enrolled": Text("menjadi peserta", "enrolled"),
    "reactivated": Text("diaktifkan kembali", "reactivated"),
    "exited": Text("keluar", "left"),
}
EXITS: Mapping[str, Text] = {
    "gsm": Text("graduasi sejahtera mandiri", "graduasi sejahtera mandiri"),
    "ppse": Text("graduasi melalui PPSE", "graduation through PPSE"),
    "natural": Text("graduasi alamiah", "natural exit"),
    "ineligible": Text("tidak memenuhi syarat", "not eligible"),
    "identity": Text("masalah identitas", "identity problem"),
    "duplicate": Text("data ganda", "duplicate"),
    "died": Text("meninggal", "died"),
    "moved": Text("pindah", "moved"),
    "refused": Text("mengundurkan diri", "resigned"),
    "other": Text("sebab lain", "other cause"),
}
PAYMENTS: Mapping[str, Text] = {
    "failed": Text("gagal", "failed"),
    "unclaimed": Text("tidak diambil", "not collected"),
}
IDENTITY: Mapping[str, Text] = {
    "mismatch": Text("belum padan dengan Dukcapil", "not matched with the civil registry"),
    "duplicate": Text("dipakai keluarga lain", "used by another family"),
    "not_alive": Text("pengurus tercatat meninggal", "caretaker recorded as dead"),
}
CHANGES: Mapping[str, Text] = {
    "entered_new": Text("baru: belum dinilai pada terbitan sebelumnya", "new: not scored in the bundle before"),
    "entered_free": Text("tidak lagi ditahan", "held no more"),
    "entered_rank": Text("urutannya naik atau tempat bertambah", "its rank rose, or there were more places"),
    "left_held": Text("sekarang ditahan", "held now"),
    "left_rank": Text("urutannya turun atau tempat berkurang", "its rank fell, or there were fewer places"),
    "left_inactive": Text("tidak lagi peserta aktif", "no longer an active family"),
}
SENTENCES: Mapping[str, Text] = {
    "decides": Text(
        "Urutan kunjungan saja. Orang yang memutuskan, bukan model; keluarga berhak menyatakan keberatan.",
        "An order of visits only. A person decides, not the model; the family has the right to object.",
    ),
}
