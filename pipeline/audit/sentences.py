"""What only the auditor's story of a family adds to the texts of wording.py; both languages."""

from collections.abc import Mapping

from pipeline.wording import Text

HEADINGS: Mapping[str, Text] = {
    "who": Text("Siapa, dan per kapan", "Who, and as of when"),
    "score": Text("Apa kata skor", "What the score says"),
    "place": Text("Urutan dan daftar", "Rank and list"),
    "reasons": Text("Alasan, dengan nilai dan tanggalnya", "Reasons, with their value and its date"),
    "holds": Text("Penahanan, fase dan jalur", "Holds, phase and pathway"),
    "label": Text("Arti label", "What the label means"),
    "not": Text("Apa yang tidak dikatakan skor", "What the score does not say"),
    "method": Text("Cara penjelasan dibuat", "How this was explained"),
}
SENTENCES: Mapping[str, Text] = {
    "title": Text(
        "Keluarga {family}, menurut data yang diketahui pada {as_of} (berkas bukti nomor {number}, silsilah {lineage})",
        "Family {family}, by what was known on {as_of} (bundle of evidence {number}, lineage {lineage})",
    ),
    "no_name": Text(
        "Nama dan NIK tidak ada dalam berkas bukti ini.", "Names and NIK are not in this bundle of evidence."
    ),
    "band": Text("Tingkat peluang: {band}.", "The chance in words: {band}."),
    "interval": Text(
        "Rentang itu menunjukkan seberapa pasti peluang pada skor ini diketahui, bukan arah hidup satu keluarga.",
        "The range tells how well the chance at such a score is known, not how one family's life may turn.",
    ),
    "log_odds": Text(
        "Skor mentah {raw} (log-odds) = nilai dasar {base} + alasan di bawah {shown} + semua lainnya {rest}.",
        "Raw score {raw} (log-odds) = base value {base} + the reasons below {shown} + everything else {rest}.",
    ),
    "ranks": Text(
        "Urutan {rank} dari {families} keluarga seluruhnya; urutan {mine} bagi pendampingnya.",
        "Number {rank} of {families} families over all; number {mine} for its facilitator.",
    ),
    "no_facilitator": Text(
        "Urutan {rank} dari {families} keluarga seluruhnya; belum ada pendamping.",
        "Number {rank} of {families} families over all; nobody serves it.",
    ),
    "borderline": Text(
        "Keluarga ini di batas daftar: benih acak lain dapat mengubah tempatnya.",
        "The family is at the border of the list: another random seed may change its place.",
    ),
    "reason": Text("  {sign} {log_odds}: {text}; diketahui per {on}", "  {sign} {log_odds}: {text}; known on {on}"),
    "no_reason": Text(
        "  Tidak ada satu alasan pun yang cukup besar untuk disebut.", "  No single reason is large enough to be told."
    ),
    "concepts": Text("Semua bagian skor menurut kelompok: {concepts}.", "All parts of the score by group: {concepts}."),
    "flags": Text("Catatan data: {flags}.", "To mind in the data: {flags}."),
    "label": Text(
        "Yang diperkirakan: keluar dari PKH yang tercatat sebagai graduasi sejahtera mandiri dalam {months} bulan "
        "sesudah {as_of}. Keluar karena sebab lain (alamiah, tidak memenuhi syarat, administrasi, meninggal, mundur) "
        "bukan keberhasilan.",
        "What is foretold: an exit from PKH on record as graduasi sejahtera mandiri within {months} months after "
        "{as_of}. An exit for another reason (natural, not eligible, administrative, death, resignation) is no "
        "success.",
    ),
    "not_cause": Text(
        "Alasan menunjukkan apa yang dipakai model, bukan sebab: mengubah satu nilai belum tentu mengubah nasib.",
        "Reasons tell what the model used, not causes: changing a value need not change a life.",
    ),
    "not_welfare": Text(
        "Skor tidak mengatakan bahwa keluarga sudah sejahtera atau boleh dihentikan bantuannya.",
        "The score does not say that the family is well off, nor that its assistance may end.",
    ),
    "by_tables": Text(
        "Nilai Shapley tepat (TreeSHAP, path-dependent; Lundberg dkk. 2020, Nature Machine Intelligence 2) dalam "
        "log-odds, "
        "dari tabel (pipeline/treeshap); dicocokkan dengan LightGBM pada {checked} baris, selisih terbesar {off}.",
        "Exact Shapley values (TreeSHAP, path-dependent; Lundberg et al. 2020, Nature Machine Intelligence 2) in "
        "log-odds, "
        "from tables (pipeline/treeshap); compared with LightGBM's own on {checked} rows, largest difference {off}.",
    ),
    "by_lightgbm": Text(
        "Nilai Shapley tepat (TreeSHAP, path-dependent; Lundberg dkk. 2020, Nature Machine Intelligence 2) dalam "
        "log-odds, "
        "dari LightGBM sendiri: {reason}.",
        "Exact Shapley values (TreeSHAP, path-dependent; Lundberg et al. 2020, Nature Machine Intelligence 2) in "
        "log-odds, "
        "by LightGBM itself: {reason}.",
    ),
    "reference": Text(
        "Pembanding: baris latih model (keluarga {first} sampai {last}); peluang rata-ratanya menurut peta ini {base}.",
        "Compared with: the model's training rows (families of {first} to {last}); at their mean score the map "
        "gives {base}.",
    ),
}
