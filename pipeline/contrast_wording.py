"""What auditors read of contrasts and what-ifs, in Indonesian and English."""

from collections.abc import Mapping

from pipeline.wording import Text

WARNINGS: Mapping[str, Text] = {
    "whatif": Text(
        "PERINGATAN: ini perilaku model bila nilainya lain, bukan anjuran dan bukan akibat. Tidak ada yang mengatakan "
        "bahwa keluarga akan graduasi bila nilainya diubah; jangan sampaikan kepada keluarga, pendamping, atau "
        "perencana.",
        "WARNING: this is how the model behaves with other values, no advice and no effect. Nothing says that a family "
        "would graduate if a value were changed; not to be shown to families, facilitators or planners.",
    ),
    "alone": Text(
        "Hanya nilai yang disebut yang diganti; nilai lain yang dihitung darinya tetap seperti semula.",
        "Only the values named are replaced; others that are computed from them stay as they are.",
    ),
    "differ": Text(
        "Selisih kontribusi dalam model, bukan sebab. Jumlahnya tepat sama dengan selisih skor mentah.",
        "Differences of contributions in the model, no causes. They add up to the difference of raw scores.",
    ),
    "moved": Text(
        "Data: isian keluarga. Model: model dan kalibrasinya. Kelompok: keluarga lain di kabupaten. Ketiganya "
        "berjumlah tepat sama dengan perubahannya.",
        "Data: the family's own values. Model: booster and calibration. Cohort: the regency's other families. The "
        "three add up exactly to the change.",
    ),
}
LINES: Mapping[str, Text] = {
    "raw": Text("skor mentah (log-odds)", "raw score (log-odds)"),
    "chance": Text("peluang", "chance"),
    "rank": Text("urutan di kabupaten/kota", "rank in the regency"),
    "data": Text("data", "data"),
    "model": Text("model", "model"),
    "cohort": Text("kelompok", "cohort"),
    "outside": Text("di luar yang pernah dilihat model", "outside of what the model has seen"),
    "of_data": Text("Bagian data dari skor mentah", "What the data did to the raw score"),
    "concepts": Text("Menurut pokok", "By concept"),
    "features": Text("Menurut isian, yang terbesar", "By feature, the largest"),
    "rest": Text("{count} isian lainnya", "{count} other features"),
    "eligible": Text("boleh diusulkan", "may be proposed"),
    "held": Text("ditahan", "held"),
}
