"""Every text of the visit lists and of the Command Center's table, in Indonesian and English."""

from collections.abc import Mapping

from pipeline.wording import Text

WHYS: Mapping[str, Text] = {
    "objection": Text("sanggahan belum dijawab: dengarkan dan jawab", "objection not answered: listen and answer"),
    "recovery": Text("baru terguncang: pemulihan sosial", "recent shock: social recovery"),
    "candidate": Text("calon graduasi: verifikasi", "candidate on the list: verify"),
    "natural_exit": Text("komponen terakhir segera berakhir: siapkan", "last component ends soon: prepare"),
    "referral": Text("rujukan program: jelaskan dan tawarkan", "referral to a programme: explain and propose"),
    "update": Text("data lama atau bertentangan: mutakhirkan", "data old or contradictory: update"),
}
ALSO = Text("; juga: ", "; also: ")
PATHWAYS: Mapping[str, Text] = {
    "pena": Text("PENA/PPSE", "PENA/PPSE"),
    "prokus": Text("ProKUS", "ProKUS"),
    "kube": Text("KUBE", "KUBE"),
    "rst": Text("RST (rumah)", "RST (house)"),
    "ska_atensi": Text("SKA/ATENSI", "SKA/ATENSI"),
    "stay_p2k2": Text("tetap PKH dengan P2K2", "stay in PKH with P2K2"),
    "natural_exit_ahead": Text("keluar alamiah di depan", "natural exit ahead"),
}
PARTNERS: Mapping[str, Text] = {
    "none": Text("", ""),
    "dit_pkat": Text("Dit. PKAT", "Dit. PKAT (customary communities)"),
    "karang_taruna": Text("Karang Taruna", "Karang Taruna"),
    "lks": Text("LKS", "LKS (care institution)"),
    "tksk": Text("TKSK", "TKSK"),
    "puskesos": Text("Puskesos", "Puskesos"),
}
REPORTERS: Mapping[str, Text] = {
    "pendamping": Text("pendamping", "facilitator"),
    "tksk": Text("TKSK", "TKSK"),
    "puskesos": Text("Puskesos", "Puskesos"),
    "karang_taruna": Text("Karang Taruna", "Karang Taruna"),
    "lks": Text("LKS", "LKS"),
    "citizen": Text("warga", "citizen"),
}
CASES: Mapping[str, Text] = {
    "home_visit": Text("kunjungan rumah", "home visit"),
    "complaint": Text("pengaduan", "complaint"),
    "objection": Text("sanggahan", "objection"),
    "proposal": Text("usulan", "proposal"),
    "disaster": Text("bencana", "disaster"),
    "illness": Text("sakit berat", "illness"),
    "job_loss": Text("kehilangan pekerjaan", "job loss"),
    "data_problem": Text("masalah data", "data problem"),
    "graduation_interest": Text("minat graduasi", "interest in graduating"),
    "resignation_letter": Text("surat pengunduran diri", "letter of resignation"),
}
WAITS: Mapping[str, Text] = {
    "capacity": Text(
        "kunjungan triwulan ini penuh, juga di kecamatan", "no visit left this quarter, nor in the district"
    ),
    "no_facilitator": Text("belum ada pendamping", "nobody serves this family yet"),
    "": Text("", ""),
}
STATUSES: Mapping[str, Text] = {
    "visit": Text("dikunjungi", "visit"),
    "hand_over": Text("dititipkan", "handed over"),
    "wait": Text("menunggu", "waits"),
    "not_due": Text("tidak ada alasan kunjungan triwulan ini", "no reason for a visit this quarter"),
}
HANDED_FROM = Text(
    "titipan dari {facilitator} (usulan: pendamping keluarga tetap)",
    "for {facilitator} (a suggestion: the family's facilitator stays)",
)
HANDED_NOBODY = Text("keluarga tanpa pendamping (usulan)", "a family without a facilitator (a suggestion)")
NEXT_END = Text("{kind} berakhir {day}", "{kind} ends {day}")
NEXT_BECOMES = Text(", lalu {kind}", ", then {kind}")
NEXT_LAST = Text("; KOMPONEN TERAKHIR", "; LAST COMPONENT")

COLUMNS: Mapping[str, tuple[str, str]] = {
    "order": ("No.", "urutan kunjungan; desa dengan keluarga paling mendesak didahulukan / order of visits, the "
              "village with the most urgent family first"),
    "village_name": ("Desa/kelurahan", "nama menurut Kepmendagri, atau kodenya / name, or code where unknown"),
    "kpm_id": ("ID KPM", "nomor keluarga, bukan NIK atau KK; nama dicari di meja data / the family's number; the desk "
               "joins the name"),
    "why": ("Mengapa dikunjungi", "alasan pertama, lalu alasan lain / the first reason, then the others"),
    "pathway": ("Jalur", "jalur yang disarankan; orang yang memutuskan / suggested pathway; a person decides"),
    "pathway_reasons": ("Alasan jalur", "mengapa jalur itu disarankan / why that pathway"),
    "holds": ("Ditahan", "bila terisi: jangan diusulkan graduasi / where filled: must not be proposed"),
    "chance": ("Peluang 12 bulan", "perkiraan peluang graduasi; bukan kepastian / estimated chance, no certainty"),
    "life": ("Siklus hidup", "komponen berikut yang berakhir / the next component that ends"),
    "programmes": ("Program berjalan", "program yang sedang diikuti / programmes that run"),
    "cases": ("Kasus terbuka (pelapor)", "kasus terbaru yang belum ditutup / the latest open cases, with reporter"),
    "partner": ("Mitra", "yang diusulkan ikut mendampingi / who might go along"),
    "handed": ("Titipan", "usulan satu kunjungan; pendamping keluarga tidak berubah / a suggestion for one visit"),
    "visit_result": ("Hasil kunjungan", "diisi petugas / filled in by the visitor"),
    "decision_reason": ("Catatan", "diisi petugas; kunjungan bukan keputusan / notes; a visit is no decision"),
    "decided_on": ("Tanggal kunjungan", "diisi petugas, dd/mm/yyyy / filled in by the visitor"),
    "officer": ("Petugas", "diisi petugas / who visited"),
}  # fmt: skip
"""Machine name of a visit list's column -> header and meaning."""

REST_COLUMNS: Mapping[str, str] = {
    "facilitator_id": "Pendamping", "village_name": "Desa/kelurahan", "kpm_id": "ID KPM", "why": "Mengapa dikunjungi",
    "status": "Keadaan", "visitor_id": "Dititipkan kepada (usulan)", "waits_for": "Mengapa menunggu",
}  # fmt: skip
SUMMARY_COLUMNS: Mapping[str, str] = {
    "facilitator_id": "Pendamping", "visit": "Dikunjungi", "taken_over": "Titipan diterima",
    "hand_over": "Dititipkan", "wait": "Menunggu",
}  # fmt: skip
CENTER_COLUMNS: Mapping[str, str] = {
    "village_name": "Desa/kelurahan", "kpm_id": "ID KPM", "case_id": "Kasus", "kind": "Jenis",
    "reporter": "Pelapor", "reported_on": "Dilaporkan", "status": "Status", "referral": "Rujukan yang diminta",
    "asked_by": "Diminta oleh", "partner": "Mitra", "kat": "KAT", "facilitator_id": "Pendamping",
}  # fmt: skip
CASE_STATUSES: Mapping[str, Text] = {
    "open": Text("terbuka", "open"), "referred": Text("dirujuk, belum ditutup", "referred, not closed"),
}  # fmt: skip
ASKED_BY: Mapping[str, Text] = {
    "case": Text("kasus", "a case"),
    "pathway": Text("jalur yang disarankan", "the suggested pathway"),
}
SHEETS = {"guidance": "Panduan", "summary": "Ringkasan", "rest": "Dititipkan dan menunggu", "center": "Command Center"}
TITLE = "Daftar kunjungan {facilitator}: {regency}, data per {as_of}"
REST_TITLE = "Dititipkan dan menunggu: {regency}, data per {as_of}"
SUMMARY_TITLE = "Ringkasan kunjungan per pendamping: {regency}, data per {as_of}"
CENTER_TITLE = "Rujukan untuk Command Center: {regency}, data per {as_of}"
NO_VISITS = "Tidak ada kunjungan pada triwulan ini. / No visits this quarter."
GUIDANCE: tuple[Text, ...] = (
    Text(
        "Kunjungan bukan keputusan. Tidak ada keluarga yang keluar dari PKH karena daftar ini.",
        "A visit is no decision. No family leaves PKH because of this list.",
    ),
    Text(
        "Kolom Ditahan terisi: bantu keluarga itu, jangan usulkan graduasi.",
        "Where Ditahan is filled: help that family, do not propose graduation.",
    ),
    Text(
        "Desa dengan keluarga paling mendesak didahulukan; di dalam desa, keluarga yang paling mendesak lebih dulu.",
        "The village with the most urgent family comes first; within a village the most urgent family.",
    ),
    Text(
        "Titipan hanya usulan untuk satu kunjungan di kecamatan yang sama; satu keluarga tetap satu pendamping.",
        "A hand-over is a suggestion for one visit in the same district; one family keeps one facilitator.",
    ),
    Text(
        "PBI-JK tetap setelah graduasi; Sembako mempunyai aturan sendiri. Jelaskan ini bila keluarga takut kehilangan.",
        "PBI-JK stays after graduation; Sembako has a rule of its own. Tell this to a family that fears to lose them.",
    ),
    Text(
        "Nama dan NIK tidak ada di sini dengan sengaja; cocokkan ID KPM di meja data. Simpan daftar ini baik-baik.",
        "Names and NIK are left out on purpose; join the family's number at the desk. Keep this list safe.",
    ),
)
GUIDANCE_TITLE = Text("Panduan kunjungan", "How to use this list")
