"""Every route of the desk; scope.ROUTES says who may use each."""

from django.urls import path

from pipeline.desk.views import audits, deciding, doors, files, pages, people

urlpatterns = [
    path("", pages.work, name="work"),
    path("login/", doors.Login.as_view(), name="login"),
    path("logout/", doors.leave, name="logout"),
    path("logout/everywhere/", doors.leave_everywhere, name="everywhere"),
    path("password/", doors.password, name="password"),
    path("language/", doors.choose_language, name="language"),
    path("about/", pages.about, name="about"),
    path("list/", pages.listing_page, name="list"),
    path("family/<str:kpm_id>/", pages.family, name="family"),
    path("family/<str:kpm_id>/minutes.pdf", files.minutes, name="minutes"),
    path("family/<str:kpm_id>/identity/", audits.identity, name="identity"),
    path("family/<str:kpm_id>/<slug:action>/", deciding.decide, name="decide"),
    path("regencies/", pages.regencies, name="regencies"),
    path("regencies/<str:code>/", pages.regency, name="regency"),
    path("regencies/<str:code>/release/", deciding.release, name="release"),
    path("export/", files.export, name="export"),
    path("export/sheets/", files.sheets_pdf, name="sheets"),
    path("return/", files.come_back, name="return"),
    path("return/accept/", files.accept, name="accept"),
    path("accounts/", people.accounts, name="accounts"),
    path("accounts/<int:pk>/", people.account, name="account"),
    path("audit/", audits.overview, name="audit"),
    path("audit/questions/<slug:name>.csv", audits.question, name="question"),
    path("audit/log/", audits.log, name="log"),
    path("audit/head.json", audits.head, name="head"),
    path("audit/extract.csv", audits.extract, name="extract"),
]
handler400 = doors.unreadable
handler403 = doors.forbidden
handler404 = doors.missing
handler500 = doors.broken
