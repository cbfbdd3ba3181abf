"""What the static pages of the auditor's room say beside what they show; both languages."""

from collections.abc import Mapping

from pipeline.wording import Text

ROOM = Text("Ruang pemeriksa", "The auditor's room")
PAGES = Text("Halaman", "Pages")
TONGUES: Mapping[str, str] = {"id": "Bahasa Indonesia", "en": "English"}
TITLES: Mapping[str, Text] = {
    "index": Text("Ringkasan", "Summary"),
    "questions": Text("Pertanyaan pemeriksa", "Auditors' questions"),
    "fairness": Text("Keadilan daftar", "Fairness of the list"),
    "drift": Text("Pergeseran", "Drift"),
    "explanations": Text("Penjelasan skor", "Explanations"),
    "card": Text("Kartu model", "Model card"),
    "datasheet": Text("Lembar data", "Datasheet"),
    "risks": Text("Lembar risiko", "Risk sheet"),
    "evidence": Text("Berkas bukti", "Evidence"),
}
HEADS: Mapping[str, Text] = {
    "what": Text("hal", "what"),
    "value": Text("isi", "value"),
    "page": Text("halaman", "page"),
    "rows": Text("baris", "rows"),
    "file": Text("berkas", "file"),
    "bytes": Text("bita", "bytes"),
    "attribute": Text("ciri", "attribute"),
    "group": Text("kelompok", "group"),
    "measure": Text("ukuran", "measure"),
    "rate": Text("angka kelompok", "rate of the group"),
    "rest": Text("keluarga lain", "everybody else"),
    "difference": Text("selisih", "difference"),
    "verdict": Text("putusan", "verdict"),
    "count": Text("banyaknya", "how many"),
    "as_of": Text("per tanggal", "as of"),
    "expected": Text("diperkirakan", "expected"),
    "observed": Text("nyata", "observed"),
    "range": Text("rentang", "range"),
    "series": Text("deret", "series"),
    "psi": Text("indeks pergeseran (PSI)", "population stability index (PSI)"),
    "distance": Text("jarak dari biasanya", "distance from the usual"),
    "who": Text("keluarga", "families"),
    "mean": Text("rata-rata", "mean"),
    "median": Text("median", "median"),
    "lowest_tenth": Text("sepersepuluh terendah", "lowest tenth"),
}
FACTS: Mapping[str, Text] = {
    "number": Text("nomor berkas bukti", "number of the bundle"),
    "as_of": Text("data diketahui per", "data as known on"),
    "families": Text("keluarga yang dinilai", "families scored"),
    "lineage": Text("silsilah (lineage)", "lineage"),
    "commit": Text("versi kode (commit)", "code (commit)"),
    "dirty": Text("kode berubah sejak commit itu", "code changed since that commit"),
    "key": Text("sidik kunci penanda tangan", "fingerprint of the signing key"),
    "manifest": Text("sha256 manifes", "sha256 of the manifest"),
    "previous": Text("sha256 manifes sebelumnya", "sha256 of the manifest before"),
    "bar": Text("batas jarak", "bar of the distance"),
    "series": Text("deret yang diawasi", "series watched"),
    "alarms": Text("di luar kebiasaan pada tanggal terakhir", "out of the ordinary at the last date"),
    "false_alarms_a_year": Text("alarm palsu setahun yang diminta", "false alarms a year asked for"),
    "past_alarms_a_year": Text("alarm setahun di masa lalu", "alarms a year over the past"),
    "forward_alarms_a_year": Text(
        "alarm setahun menurut yang diketahui saat itu", "alarms a year by what was known then"
    ),
}
MEASURES: Mapping[str, Text] = {
    "found": Text("keluarga yang mencapai graduasi di daftar", "graduates on the list"),
    "precision": Text("presisi daftar", "precision of the list"),
    "recall": Text("cakupan daftar (recall)", "recall of the list"),
    "auc": Text("AUC", "AUC"),
    "same_strongest": Text("kelompok terkuat sama", "same strongest concept"),
    "same_sign": Text("arah sama", "same sign"),
    "rank_correlation": Text("korelasi urutan", "rank correlation"),
    "kept": Text("kelompok terkuat bertahan", "strongest concepts kept"),
}
OPINIONS: Mapping[str, Text] = {
    "second_opinion": Text(
        "Pendapat kedua: terhadap keluarga kabupaten sendiri",
        "Second opinion: against the family's own regency",
    ),
    "stability": Text("Kestabilan antar benih acak", "Stability over random seeds"),
    "all": Text("semua", "all"),
    "listed": Text("terdaftar", "listed"),
}
PICTURES: Mapping[str, Text] = {
    "fairness/published/fairness.png": Text(
        "Setiap kelompok di samping semua keluarga lain; angka kecil disembunyikan.",
        "Each group beside everybody else; small counts are hidden.",
    ),
    "opinions/dependence.png": Text(
        "Kontribusi menurut nilai isian terpenting.", "Contributions by the value of the most important features."
    ),
    "opinions/together.png": Text(
        "Isian yang bekerja bersama: kekuatan interaksi.", "Features that work together: strength of interactions."
    ),
    "opinions/pairs.png": Text("Pasangan isian yang terkuat.", "The strongest pairs of features."),
}
SENTENCES: Mapping[str, Text] = {
    "about": Text(
        "berkas bukti nomor {number}, data per {as_of}, {families} keluarga",
        "bundle of evidence {number}, data as of {as_of}, {families} families",
    ),
    "verified": Text("Diperiksa", "Verified"),
    "explained": Text("Cara skor dijelaskan", "How scores are explained"),
    "whole": Text(
        "Semua diperiksa ulang sebelum halaman ini ditulis, dan tidak ada yang menyimpang. Yang ditemukan:",
        "All was worked out again before these pages were written, and nothing is off. What was found:",
    ),
    "own_key": Text(
        "Kunci penanda tangan hanya dari berkas ini sendiri: cocokkan sidiknya dengan yang disimpan pihak lain.",
        "The key comes from the bundle itself: compare its fingerprint with the one that somebody else keeps.",
    ),
    "decides": Text(
        "Skor hanya mengurutkan kunjungan. Orang yang memutuskan.", "The score orders visits only. A person decides."
    ),
    "confidential": Text(
        "Nomor keluarga tampak di jawaban pemeriksa; nama dan NIK tidak ada. Perlakukan sebagai rahasia.",
        "Numbers of families stand in the answers; names and NIK do not. Treat as confidential.",
    ),
    "questions": Text(
        "Satu kueri dan satu CSV untuk setiap pertanyaan; siapa pun dapat menjalankan kuerinya sendiri.",
        "A query and a CSV for each question; whoever doubts an answer can run the query.",
    ),
    "to_explain": Text("Harus kosong, tetapi ada isinya: perlu penjelasan.", "Should be empty and is not: explain."),
    "counted": Text("{count} baris.", "{count} rows."),
    "first_rows": Text("{shown} dari {count} baris:", "{shown} of {count} rows:"),
    "csv": Text("Semua baris (CSV)", "All rows (CSV)"),
    "sql": Text("Kueri (SQL)", "Query (SQL)"),
    "absent": Text("Tidak ada dalam berkas bukti ini.", "Not in this bundle."),
    "past": Text(
        "Masa lalu: daftar yang akan dibuat pada setiap tanggal", "The past: the list that each date would have had"
    ),
    "today": Text("Hari ini: siapa yang terdaftar dan ditahan", "Today: who is listed and who is held"),
    "tests": Text(
        "{tests} uji atas {families} keluarga; angka kecil disembunyikan bersama pelengkapnya.",
        "{tests} tests over {families} families; small counts are hidden, and others so that they cannot be found out.",
    ),
    "verdicts": Text("Putusan ciri tunggal", "Verdicts of single attributes"),
    "changes": Text("Perubahan terbesar pada tanggal terakhir", "Largest changes at the last date"),
    "performance": Text(
        "Yang diperkirakan dari daftar, dan yang kemudian terjadi", "What lists were expected to find, and what came"
    ),
    "watch": Text("Pengawasan", "The watch"),
    "short": Text("Riwayat terlalu pendek untuk membunyikan alarm.", "The history is too short to raise an alarm."),
    "quarters": Text(
        "Perkiraan hanya melihat perubahan keluarga, bukan perubahan kebijakan.",
        "Expectations see a change of the families and none of policy.",
    ),
    "agreement": Text("Kesepakatan penjelasan", "Agreement of explanations"),
    "pictures": Text("Gambar", "Pictures"),
    "files": Text("Setiap berkas dan sha256-nya", "Every file and its sha256"),
    "check": Text("Periksa sendiri", "Check it yourself"),
    "in_english": Text("Dokumen ini dibuat dalam bahasa Inggris.", "This paper is generated from the run."),
}
