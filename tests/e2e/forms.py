"""National documents of invented people, for the demo and the scenario tests.

Every person, number, address and telephone number is made up from a seed; personal numbers use
serials that no office reaches (BY 990-999, UA 9990-9999, AL 998-999, MD year code 999). Dates are
relative to today. Codes are drawn from the national values of mappings/lists/.
"""
import datetime
import json
import os
import random
from xml.sax.saxutils import escape

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def day(offset):
    return today() + datetime.timedelta(days=offset)


def iso(d):
    return d.strftime("%Y-%m-%d")


def dots(d):
    return d.strftime("%d.%m.%Y")


# --- numbers ---------------------------------------------------------------------------------

def _weights_731(text):
    value = 0
    for i, c in enumerate(text):
        v = int(c) if c.isdigit() else ord(c) - ord("A") + 10
        value += v * (7, 3, 1)[i % 3]
    return str(value % 10)


def by_number(born, female, serial):
    first = {19: ("4", "3"), 20: ("6", "5")}[born.year // 100][0 if female else 1]
    head = f"{first}{born:%d%m%y}M{990 + serial % 10}PB"
    return head + _weights_731(head)


def idnp(serial):
    head = f"2999000{serial % 100000:05d}"
    return head + _weights_731(head)


def rnokpp(born, female, serial):
    days = (born - datetime.date(1899, 12, 31)).days
    tail = 9990 + 2 * (serial % 5) + (0 if female else 1)
    head = f"{days:05d}{tail:04d}"
    check = sum(int(c) * w for c, w in zip(head, (-1, 5, 7, 9, 4, 6, 10, 5, 7))) % 11 % 10
    return head + str(check)


def unzr(born, serial):
    head = f"{born:%Y%m%d}{9990 + serial % 10}"
    return f"{head[:8]}-{head[8:]}{_weights_731(head)}"


def nid(born, female, serial):
    decade = "ABCDEFGHIJKLMNOPQRST"[(born.year - 1900) // 10]
    head = f"{decade}{born.year % 10}{born.month + (50 if female else 0):02d}{born.day:02d}{998 + serial % 2}"
    letters = "WABCDEFGHIJKLMNOPQRSTUV"
    total = sum((letters.index(c) if c.isalpha() else int(c)) * w
                for c, w in zip(head, (1, 1, 2, 3, 4, 5, 6, 7, 8)))
    return head + letters[total % 23]


# --- people ----------------------------------------------------------------------------------

NAMES = {
    "BY": [("Рудзь", "Мария", "Викторовна", "Рудзь", "Марыя", "Віктараўна", "RUDZ", "MARYIA", True),
           ("Ковалевич", "Иван", "Петрович", "Кавалевіч", "Іван", "Пятровіч", "KAVALEVICH", "IVAN", False),
           ("Шевчук", "Ольга", "Андреевна", "Шаўчук", "Вольга", "Андрэеўна", "SHAUCHUK", "VOLHA", True)],
    "MD": [("Munteanu", "Ioana", True), ("Ceban", "Vasile", False), ("Țurcanu", "Ștefania", True),
           ("Rusu", "Andrei", False)],
    "UA": [("Коваленко", "Оксана", "Іванівна", "KOVALENKO", "OKSANA", True),
           ("Бондар", "Тарас", "Богданович", "BONDAR", "TARAS", False),
           ("Знам'янська", "Наталія", "Петрівна", "ZNAMIANSKA", "NATALIIA", True)],
    "AL": [("Hoxha", "Elira", "Agim", True), ("Gjoni", "Arben", "Pjetër", False),
           ("Çela", "Mimoza", "Besnik", True)],
}
ALPHA3 = {"BY": "BLR", "MD": "MDA", "UA": "UKR", "AL": "ALB"}
NUMERIC = {"BY": "112", "MD": "498", "UA": "804", "AL": "008"}
WORDS_AL = {"BY": "Bjellorusi", "MD": "Moldavi", "UA": "Ukrainë", "AL": "Shqipëri"}
LATIN = {"BY": lambda n: (n[6].title(), n[7].title()), "MD": lambda n: (n[0], n[1]),
         "UA": lambda n: (n[3].title(), n[4].title()), "AL": lambda n: (n[0], n[1])}
# A national form asks for two letters in front; an organisation's office is spelled so there.
SPELLED = {"IOM-MISSION": "XX-IOM-MISSION"}
OFFICE = {"BY": "BY-COORD", "MD": "MD-COORD", "UA": "UA-COORD", "AL": "AL-ONAC", "IOM": "IOM-MISSION"}


def plain(text):
    """Latin letters without accents, as in the machine-readable zone."""
    import unicodedata
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


class Codes:
    """National values of the shipped lists: codes('exploitation', 'MD')."""

    def __init__(self):
        self.lists = {}

    def __call__(self, name, country):
        if name not in self.lists:
            with open(os.path.join(TREE, "mappings", "lists", name + ".json"), encoding="utf-8") as f:
                self.lists[name] = json.load(f)
        values = self.lists[name]["national"][country]["values"]
        return [v["code"] for v in values]


class Person:
    """Somebody invented, a citizen of `country`."""

    def __init__(self, rng, country):
        self.country = country
        self.serial = rng.randrange(10000)
        self.name = rng.choice(NAMES[country])
        self.female = self.name[-1]
        self.born = datetime.date(rng.randrange(1975, 2003), rng.randrange(1, 13), rng.randrange(1, 29))
        self.surname, self.given = LATIN[country](self.name)
        self.number = {"BY": by_number, "UA": rnokpp, "AL": nid}.get(country, lambda b, f, s: idnp(s))(
            self.born, self.female, self.serial)
        self.rng = rng


class Forms:
    """Writes referrals and answers in each national form."""

    def __init__(self, seed=1):
        self.rng = random.Random(seed)
        self.codes = Codes()
        self.count = 0

    def number(self):
        self.count += 1
        return f"{self.rng.randrange(1000, 9999)}-{self.count:03d}"

    def person(self, country):
        return Person(self.rng, country)

    def pick(self, name, country, most=1, without=()):
        values = [v for v in self.codes(name, country) if v not in without]
        return self.rng.sample(values, min(most, len(values)))

    # -- M01 --------------------------------------------------------------------------------

    def m01(self, country, to, agreement, person, **more):
        return getattr(self, "m01_" + country.lower())(self.spelled(country, to), agreement, person, **more)

    def m01_md(self, to, agreement, p, note="", consent=True, extra=None, attachment=None, office="MD-COORD"):
        doc = {
            "type": "referralRequest", "formatVersion": "1.2", "messageId": "md-" + self.number(),
            "createdAt": day(-1).strftime("%Y-%m-%dT08:30:00Z"), "sender": office, "recipient": to,
            "agreement": agreement,
            "legalBasis": {"act": "Legea nr. 241/2005", "article": "art. 24"},
            "case": {"caseNumber": "MD-" + self.number(), "beneficiaryType": "ADV", "reasons": ["REP", "ASI"],
                     "urgency": self.pick("urgency", "MD")[0]},
            "respondBy": iso(day(14)),
            "person": {"surname": p.surname, "givenName": p.given, "birthDate": iso(p.born),
                       "birthDatePrecision": "day", "gender": "2" if p.female else "1",
                       "citizenships": [p.country], "language": "ru",
                       "maritalStatus": self.pick("marital_status", "MD")[0]},
            "documents": [{"kind": "PAS", "number": f"FE{990000 + p.serial % 10000}", "location": "lost"}],
            "contact": {"phones": [{"number": f"+373 600 00 {p.serial % 1000:03d}", "safe": True,
                                    "instructions": "numai după ora 18"}],
                        "safeContactInstructions": "numai prin asistenta socială"},
            "family": [{"kinship": "mother", "surname": p.surname, "givenName": "Nina", "mayContact": True,
                        "accompanies": False}],
            "trafficking": {"victimStatus": self.pick("victim_status", "MD", without=("NEV",))[0],
                            "statusAuthority": "POL", "statusDate": iso(day(-20)),
                            "exploitation": self.pick("exploitation", "MD", 2),
                            "means": self.pick("means_of_control", "MD", 3),
                            "recruitment": self.pick("recruitment_method", "MD"),
                            "recruiterRelation": self.pick("recruiter_relation", "MD")[0],
                            "events": [{"kind": "exploitation", "country": "MD"}]},
            "risk": {"riskLevel": self.pick("risk_level", "MD")[0], "riskFactors": ["reprisal"]},
            "services": [{"code": c, "state": "needed"} for c in self.pick("service", "MD", 3)],
            "consents": [{"purpose": x, "status": "given" if consent else "refused", "givenBy": "self",
                          "givenOn": iso(day(-3)), "validUntil": iso(day(300)), "legalBasis": "consimțământ"}
                         for x in ("repatriation", "assistance", "identityCheck", "familyTracing")],
            "officers": [{"role": "caseManager", "name": "Elena Ceban", "organisation": "Secretariatul permanent",
                          "phone": "+373 22 000 012", "email": "ceban@example.org"}],
        }
        if p.country == "MD":
            doc["person"]["idnp"] = p.number
        else:
            kind = {"UA": "RNOKPP", "AL": "NID", "BY": "IDENTIFICATION_NUMBER"}[p.country]
            doc["person"]["otherIdentifiers"] = [{"country": p.country, "kind": kind, "value": p.number}]
        if note:
            doc["notes"] = note
        if attachment:
            doc["attachments"] = [attachment]
        if extra:
            extra(doc)
        return json.dumps(doc, ensure_ascii=False, indent=1).encode()

    def m01_by(self, to, agreement, p, note="", consent=True, office="BY-COORD", attachments=""):
        n = p.name if p.country == "BY" else ("", "", "", "", "", "", plain(p.surname).upper(), plain(p.given).upper())
        foreign = "" if p.country == "BY" else p.number
        number = p.number if p.country == "BY" else ""
        country = ALPHA3[p.country]
        text = f"""<?xml version="1.0" encoding="windows-1251"?>
<Анкета версия="1">
  <Реквизиты>
    <ВидСообщения>НП</ВидСообщения>
    <НомерДелаМежд/>
    <НомерАнкеты>А-{self.number()}</НомерАнкеты>
    <ИсходящийНомер>26/{self.number()}</ИсходящийНомер>
    <НаНомер/>
    <ДатаСоставления>{dots(day(-1))}</ДатаСоставления>
    <Отправитель>{office}</Отправитель>
    <Получатель>{to}</Получатель>
    <ПравовоеОснование>{agreement}</ПравовоеОснование>
    <Категория>В</Категория>
    <ПричинаОбращения>1, 2</ПричинаОбращения>
    <Срочность>{self.pick("urgency", "BY")[0]}</Срочность>
    <СрокОтвета>{dots(day(14))}</СрокОтвета>
  </Реквизиты>
  <Личность>
    <ФИО>
      <Фамилия>{n[0]}</Фамилия>
      <СобственноеИмя>{n[1]}</СобственноеИмя>
      <Отчество>{n[2]}</Отчество>
      <Прозвішча>{n[3]}</Прозвішча>
      <Імя>{n[4]}</Імя>
      <ІмяПаБацьку>{n[5]}</ІмяПаБацьку>
      <ФамилияЛат>{n[6]}</ФамилияЛат>
      <ИмяЛат>{n[7]}</ИмяЛат>
      <ПрежняяФамилия/>
    </ФИО>
    <Пол>{"Ж" if p.female else "М"}</Пол>
    <ДатаРождения>{dots(p.born)}</ДатаРождения>
    <МестоРождения>не установлено</МестоРождения>
    <Гражданство>{country}</Гражданство>
    <Национальность/>
    <Вероисповедание/>
    <ИдентификационныйНомер>{number}</ИдентификационныйНомер>
    {f'<ИностранныйНомер страна="{country}">{foreign}</ИностранныйНомер>' if foreign else "<ИностранныйНомер/>"}
    <Язык>русский</Язык>
    <СемейноеПоложение>{self.pick("marital_status", "BY")[0]}</СемейноеПоложение>
  </Личность>
  <Связь>
    <АдресРегистрации>ул. Примерная, 1</АдресРегистрации>
    <Телефон>+375 29 000 00 {p.serial % 100:02d}</Телефон>
    <БезопаснаяСвязь>Звонить только днём, не оставлять сообщений</БезопаснаяСвязь>
  </Связь>
  <Обстоятельства>
    <Статус>{self.pick("victim_status", "BY", without=("3",))[0]}</Статус>
    <ОрганИдентификации дата="{dots(day(-20))}">10</ОрганИдентификации>
    <ВидЭксплуатации>{",".join(self.pick("exploitation", "BY", 2))}</ВидЭксплуатации>
    <СпособВоздействия>{",".join(self.pick("means_of_control", "BY", 2))}</СпособВоздействия>
    <СпособВербовки>{self.pick("recruitment_method", "BY")[0]}</СпособВербовки>
    <Вербовщик>{self.pick("recruiter_relation", "BY")[0]}</Вербовщик>
    <СтранаВербовки>{country}</СтранаВербовки>
    <СтраныТранзита/>
    <СтранаЭксплуатации>BLR</СтранаЭксплуатации>
    <Период>02.2026-05.2026</Период>
  </Обстоятельства>
  <Риск>
    <КатегорияРиска>{self.pick("risk_level", "BY")[0]}</КатегорияРиска>
    <ФакторыРиска>02</ФакторыРиска>
  </Риск>
  <Помощь>
    <ВидПомощи>{",".join(self.pick("service", "BY", 2))}</ВидПомощи>
    <ОказаннаяПомощь/>
  </Помощь>
  <Согласие дата="{dots(day(-3))}" лицо="лично">{"да" if consent else "нет"}</Согласие>
  <Исполнитель>
    <ФИОИсполнителя>Новик Андрей Петрович</ФИОИсполнителя>
    <Должность>старший инспектор</Должность>
    <ТелефонИсполнителя>+375 17 000-00-11</ТелефонИсполнителя>
    <ПочтаИсполнителя>novik@example.org</ПочтаИсполнителя>
  </Исполнитель>
  <Примечание>{escape(note)}</Примечание>
  {f"<Приложения>{attachments}</Приложения>" if attachments else ""}
</Анкета>
"""
        return text.encode("windows-1251")

    def _ua(self, operation, body, number):
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xrd="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers">
  <soap:Header>
    <xrd:client id:objectType="SUBSYSTEM"><id:xRoadInstance>SEVDEIR-TEST</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>00000001</id:memberCode><id:subsystemCode>ZTL</id:subsystemCode></xrd:client>
    <xrd:service id:objectType="SERVICE"><id:xRoadInstance>SEVDEIR-TEST</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>00000002</id:memberCode><id:subsystemCode>SHLIUZ</id:subsystemCode><id:serviceCode>{operation}</id:serviceCode><id:serviceVersion>v2</id:serviceVersion></xrd:service>
    <xrd:userId>spetsialist</xrd:userId>
    <xrd:id>{number}</xrd:id>
    <xrd:protocolVersion>4.0</xrd:protocolVersion>
  </soap:Header>
  <soap:Body>
    <{operation} xmlns="urn:example:ua:napravlennia:2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" versiia="2.0">
{body}
    </{operation}>
  </soap:Body>
</soap:Envelope>
""".encode()

    UA_OFFICER = """      <VidpovidalnaOsoba rol="{}">
        <PIBPosadovoi>Мельник Ірина Василівна</PIBPosadovoi>
        <Orhanizatsiia>Мінсоцполітики</Orhanizatsiia>
        <TelefonPosadovoi>+380 44 000 00 13</TelefonPosadovoi>
        <PoshtaPosadovoi>melnyk@example.org</PoshtaPosadovoi>
      </VidpovidalnaOsoba>"""

    def m01_ua(self, to, agreement, p, note="", consent=True, office="UA-COORD"):
        number = "vykh-" + self.number()
        if p.country == "UA":
            pib = f"{p.name[0]} {p.name[1]} {p.name[2]}"
            latin = f"<PrizvyshcheLat>{p.name[3]}</PrizvyshcheLat><ImiaLat>{p.name[4]}</ImiaLat>"
            own = f"<RNOKPP>{p.number}</RNOKPP><UNZR>{unzr(p.born, p.serial)}</UNZR>"
        else:
            pib = f"{plain(p.surname)} {plain(p.given)}"
            latin = f"<PrizvyshcheLat>{plain(p.surname).upper()}</PrizvyshcheLat><ImiaLat>{plain(p.given).upper()}</ImiaLat>"
            own = ('<RNOKPP xsi:nil="true"/><UNZR xsi:nil="true"/>'
                   f'<InshyiNomer kraina="{NUMERIC[p.country]}">{p.number}</InshyiNomer>')
        forms = "".join(f"<VydEkspluatatsii>{c}</VydEkspluatatsii>" for c in self.pick("exploitation", "UA", 3))
        means = "".join(f"<Zasib>{c}</Zasib>" for c in self.pick("means_of_control", "UA", 2))
        services = "".join(f"<Posluga><Kod>{c}</Kod><Stan>1</Stan></Posluga>" for c in self.pick("service", "UA", 3))
        state = "1" if consent else "2"
        return self._ua("Napravlennia", f"""      <Sprava>
        <NomerOblikKartky>ОК-{self.number()}</NomerOblikKartky>
        <MizhnarodnyiNomer xsi:nil="true"/>
        <VykhidnyiNomer>{number}</VykhidnyiNomer>
        <DataChas>{iso(day(-1))}T11:20:00+02:00</DataChas>
        <Vidpravnyk>{office}</Vidpravnyk>
        <Oderzhuvach>{to}</Oderzhuvach>
        <Uhoda>{agreement}</Uhoda>
        <Katehoriia>1</Katehoriia>
        <Pidstava>1</Pidstava>
        <Terminovist>{self.pick("urgency", "UA")[0]}</Terminovist>
        <StrokVidpovidi>{iso(day(14))}</StrokVidpovidi>
      </Sprava>
      <Osoba>
        <PIB>{escape(pib)}</PIB>
        {latin}
        <DataNarodzhennia>{iso(p.born)}</DataNarodzhennia>
        <Stat>{"Ж" if p.female else "Ч"}</Stat>
        <Hromadianstvo>{NUMERIC[p.country]}</Hromadianstvo>
        {own}
        <Mova>ru</Mova>
        <SimeinyiStan>{self.pick("marital_status", "UA")[0]}</SimeinyiStan>
        <StatusOsoby>{self.pick("victim_status", "UA", without=("30", "40"))[0]}</StatusOsoby>
      </Osoba>
      <Kontakty>
        <Telefon bezpechnyi="true" instruktsiia="дзвонити після 18:00">+380 50 000 00 {p.serial % 100:02d}</Telefon>
      </Kontakty>
      <Obstavyny>
        {forms}
        <Zasoby>{means}</Zasoby>
        <SposibVerbuvannia>{self.pick("recruitment_method", "UA")[0]}</SposibVerbuvannia>
      </Obstavyny>
      <Ryzyk>
        <RivenRyzyku>{self.pick("risk_level", "UA")[0]}</RivenRyzyku>
        <Faktor>02</Faktor>
      </Ryzyk>
      <Poslugy>{services}</Poslugy>
      <Zhoda>
        <Tsil>1</Tsil><Tsil>2</Tsil><Tsil>4</Tsil>
        <StanZhody>{state}</StanZhody>
        <Nadav>1</Nadav>
        <DataZhody>{iso(day(-3))}</DataZhody>
        <DiisnaDo>{iso(day(300))}</DiisnaDo>
      </Zhoda>
{self.UA_OFFICER.format(1)}
      {f'<Prymitka rozdil="osoba">{escape(note)}</Prymitka>' if note else ""}""", number)

    def m01_al(self, to, agreement, p, note="", consent=True, office="AL-ONAC", encoding="UTF-8"):
        forms = self.pick("exploitation", "AL", 3) + ["-"] * 3
        means = self.pick("means_of_control", "AL", 2) + ["-"] * 3
        services = self.pick("service", "AL", 3)
        given = ["jo"] * len(services) + ["-"] * 10
        services += ["-"] * 10
        own, other = (p.number, "-") if p.country == "AL" else ("-", p.number)
        yes = "po" if consent else "jo"
        father = p.name[2] if p.country == "AL" else "-"
        rows = [("NrProtokolli", "ONAC-" + self.number()), ("NumriNderkombetar", "-"),
                ("NrDalje", "dal-" + self.number()), ("NrReference", "-"), ("DataDokumentit", dots(day(-1))),
                ("Derguesi", office), ("Marresi", to), ("Marreveshja", agreement), ("KomitetiQarkut", "02"),
                ("Kategoria", "R"), ("Arsyeja1", "KV"), ("Arsyeja2", "-"), ("Arsyeja3", "-"),
                ("Urgjenca", self.pick("urgency", "AL")[0]), ("AfatiPergjigjes", dots(day(14))),
                ("Emri", p.given), ("Atesia", father), ("Mbiemri", p.surname), ("MbiemriMeparshem", "-"),
                ("Datelindja", dots(p.born)), ("Gjinia", "F" if p.female else "M"),
                ("Shtetesia", WORDS_AL[p.country]), ("Vendlindja", "-"), ("NID", own), ("NrPersonalHuaj", other),
                ("Gjuha", "-"), ("GjendjaCivile", self.pick("marital_status", "AL")[0])]
        for i in (1, 2, 3):
            rows += [(f"Dokumenti{i}", "-"), (f"NrDokumenti{i}", "-"), (f"SkadonDokumenti{i}", "-"),
                     (f"StatusiDok{i}", "-")]
        rows += [("AdresaTekst", "-"), ("Telefoni", f"+355 69 000 {p.serial % 10000:04d}"), ("KontaktISigurt", "po"),
                 ("UdhezimeKontakti", "Të telefonohet vetëm pasdite"), ("Familjari1", "-"), ("Familjari2", "-"),
                 ("Familjari3", "-"), ("KujdestariLigjor", "-"),
                 ("Statusi", self.pick("victim_status", "AL", without=("JV",))[0]),
                 ("InstitucioniIdentifikues", "PS"), ("DataStatusit", dots(day(-20)))]
        rows += [(f"Forma{i + 1}", forms[i]) for i in range(3)]
        rows += [(f"MenyraKontrollit{i + 1}", means[i]) for i in range(3)]
        rows += [("MenyraRekrutimit", self.pick("recruitment_method", "AL")[0]),
                 ("LidhjaMeRekrutuesin", self.pick("recruiter_relation", "AL")[0]),
                 ("ShtetiRekrutimit", WORDS_AL[p.country]), ("ShtetiShfrytezimit", "Shqipëri"),
                 ("NiveliRrezikut", self.pick("risk_level", "AL")[0]), ("Rreziku1", "HK"), ("Rreziku2", "-"),
                 ("Rreziku3", "-"), ("Shendeti", "-")]
        for i in range(10):
            rows += [(f"Sherbimi{i + 1}", services[i]), (f"Dhene{i + 1}", given[i])]
        rows += [("StatusiProcedural", "-"), ("PeriudhaReflektimit", "-"), ("Kthimi", "-"), ("PlaniRiintegrimit", "-"),
                 ("PelqimiAutoritetiHuaj", yes), ("PelqimiSherbimiKonsullor", yes), ("PelqimiSherbimiSocial", yes),
                 ("PelqimiPolicia", "jo"), ("PelqimiShendetesia", "jo"), ("PelqimiOjf", "jo"),
                 ("PelqimiDheneNga", "VE"), ("DataPelqimit", dots(day(-3))), ("AfatiPelqimit", dots(day(300))),
                 ("DataTerheqjesPelqimit", "-"), ("PersoniKontaktit", "Arben Hoxha"),
                 ("TelKontaktit", "+355 4 000 0014"), ("Shenime", note or "-")]
        body = "".join(f"  <{k}>{escape(v)}</{k}>\n" for k, v in rows)
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n<KerkeseReferimi version="1.0">\n{body}</KerkeseReferimi>\n'
        return text.encode(encoding)

    def m01_iom(self, to, agreement, p, note="", consent=True, office="IOM-MISSION", linked=None):
        state = "GIVEN" if consent else "REFUSED"
        consents = "".join(f"""  <Consent form="IOM-canonical/1" item="{x}">
    <State code="{state}"/>
    <Giver code="SELF"/>
    <GivenOn>{iso(day(-3))}</GivenOn>
    <ValidUntil>{iso(day(300))}</ValidUntil>
  </Consent>
""" for x in ("RETURN", "ASSIST", "IDENTITY"))
        scheme = {"BY": "BY-IN", "MD": "IDNP", "UA": "RNOKPP", "AL": "NID"}[p.country]
        link = f"    <LinkedCase>{linked}</LinkedCase>\n" if linked else ""
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<Referral xmlns="urn:trm:referral:1" kind="M01" minor="0" environment="demo">
  <Header>
    <OfficeNumber>iom-{self.number()}</OfficeNumber>
    <Sender office="{office}"/>
    <Receiver office="{to}"/>
    <Agreement id="{agreement}"/>
{link}  </Header>
  <Case>
    <NationalId office="{office}">IOM-{self.number()}</NationalId>
    <Beneficiary code="THB_ADULT"/>
    <Reason code="RETURN"/>
    <Urgency code="ROUTINE"/>
  </Case>
  <Person>
    <Name type="legal" script="Latn" source="document">
      <Surname>{escape(p.surname)}</Surname>
      <Given>{escape(p.given)}</Given>
    </Name>
    <BirthDate precision="day">{iso(p.born)}</BirthDate>
    <Sex code="{"F" if p.female else "M"}"/>
    <Citizenship code="{p.country}"/>
    <Identifier country="{p.country}" scheme="{scheme}">{p.number}</Identifier>
    <Language code="ru"/>
    <MaritalStatus code="SINGLE"/>
  </Person>
  <Trafficking>
    <Status code="{self.rng.choice(["PRESUMED", "IDENTIFIED"])}"/>
    <Exploitation code="{self.rng.choice(["LAB", "SEX", "BEG"])}"/>
  </Trafficking>
  <Risk>
    <Level code="{self.rng.choice(["LOW", "MEDIUM", "HIGH"])}"/>
  </Risk>
  <Needs>
    <Service code="SHELTER" state="NEEDED"/>
    <Service code="PSYCH" state="NEEDED"/>
  </Needs>
{consents}  <Contact role="SENDING_CASE_MANAGER">
    <Name>Jo Example</Name>
    <Organisation>IOM mission</Organisation>
    <Phone>+41 22 000 00 00</Phone>
  </Contact>
</Referral>
""".encode()

    # -- answers: M03, M04, M05, M06 ------------------------------------------------------------
    #
    # case: the cross-border case number, ref: the number (or message id) that is answered.

    def answer(self, country, kind, to, agreement, case, ref, **more):
        return getattr(self, f"{kind.lower()}_{country.lower()}")(self.spelled(country, to), agreement, case, ref, **more)

    @staticmethod
    def spelled(country, office):
        return office if country == "IOM" else SPELLED.get(office, office)

    def _md(self, kind, to, agreement, case, ref, office="MD-COORD", **rest):
        doc = {"type": kind, "formatVersion": "1.2", "messageId": "md-" + self.number(), "inReplyTo": ref,
               "createdAt": today().strftime("%Y-%m-%dT06:00:00Z"), "sender": office, "recipient": to,
               "agreement": agreement, "legalBasis": {"act": "Legea nr. 241/2005"},
               "case": {"caseNumber": "MD-" + self.number(), "crossBorderCaseId": case},
               "officers": [{"role": "receivingCaseManager", "name": "Elena Ceban",
                             "organisation": "Secretariatul permanent", "phone": "+373 22 000 012",
                             "email": "ceban@example.org"}]}
        doc.update(rest)
        return json.dumps(doc, ensure_ascii=False, indent=1).encode()

    def m03_md(self, to, agreement, case, ref, **k):
        return self._md("receipt", to, agreement, case, ref, receivedAt=today().strftime("%Y-%m-%dT05:55:00Z"), **k)

    def m04_md(self, to, agreement, case, ref, decline=False, **k):
        more = {"decision": "R", "declineReasons": ["notNational"]} if decline else {"decision": "A"}
        return self._md("decision", to, agreement, case, ref, **more, **k)

    def m05_md(self, to, agreement, case, ref, fields=("person.maritalStatus",), **k):
        return self._md("informationRequest", to, agreement, case, ref, respondBy=iso(day(7)),
                        questions=[{"field": f, "purpose": "assistance"} for f in fields], **k)

    def _ua_case(self, to, agreement, case, ref, office, number):
        return f"""      <Sprava>
        <NomerOblikKartky>ОК-{self.number()}</NomerOblikKartky>
        <MizhnarodnyiNomer>{case}</MizhnarodnyiNomer>
        <VykhidnyiNomer>{number}</VykhidnyiNomer>
        <NaNomer>{escape(ref)}</NaNomer>
        <DataChas>{iso(today())}T08:00:00+02:00</DataChas>
        <Vidpravnyk>{office}</Vidpravnyk>
        <Oderzhuvach>{to}</Oderzhuvach>
        <Uhoda>{agreement}</Uhoda>
      </Sprava>
"""

    def _ua_answer(self, operation, to, agreement, case, ref, body, office, rol="2"):
        number = "vykh-" + self.number()
        head = self._ua_case(to, agreement, case, ref, office, number)
        return self._ua(operation, head + body + self.UA_OFFICER.format(rol), number)

    def m03_ua(self, to, agreement, case, ref, office="UA-COORD"):
        return self._ua_answer("PidtverdzhenniaOtrymannia", to, agreement, case, ref,
                               f"      <OtrymanoChas>{iso(today())}T07:55:00+02:00</OtrymanoChas>\n", office)

    def m04_ua(self, to, agreement, case, ref, decline=False, office="UA-COORD"):
        body = ("      <KodRishennia>2</KodRishennia>\n      <NazvaRishennia>Відмовлено</NazvaRishennia>\n"
                "      <PrychynaVidmovy>01</PrychynaVidmovy>\n" if decline else
                "      <KodRishennia>1</KodRishennia>\n      <NazvaRishennia>Прийнято</NazvaRishennia>\n")
        return self._ua_answer("RishenniaPoNapravlenniu", to, agreement, case, ref, body, office)

    def m05_ua(self, to, agreement, case, ref, fields=("Osoba/SimeinyiStan",), office="UA-COORD"):
        body = "".join(f'      <ZapytanePole tsil="4">{f}</ZapytanePole>\n' for f in fields)
        return self._ua_answer("ZapytVidomostei", to, agreement, case, ref, body, office)

    def _by(self, kind, to, agreement, case, ref, section, office="BY-COORD", due=""):
        text = f"""<?xml version="1.0" encoding="windows-1251"?>
<Анкета версия="1">
  <Реквизиты>
    <ВидСообщения>{kind}</ВидСообщения>
    <НомерДелаМежд>{case}</НомерДелаМежд>
    <НомерАнкеты>А-{self.number()}</НомерАнкеты>
    <ИсходящийНомер>26/{self.number()}</ИсходящийНомер>
    <НаНомер>{escape(ref)}</НаНомер>
    <ДатаСоставления>{dots(today())}</ДатаСоставления>
    <Отправитель>{office}</Отправитель>
    <Получатель>{to}</Получатель>
    <ПравовоеОснование>{agreement}</ПравовоеОснование>
    <Категория/>
    <ПричинаОбращения/>
    <Срочность/>
    <СрокОтвета>{due}</СрокОтвета>
  </Реквизиты>
{section}  <Исполнитель>
    <ФИОИсполнителя>Новик Андрей Петрович</ФИОИсполнителя>
    <Должность>старший инспектор</Должность>
    <ТелефонИсполнителя>+375 17 000-00-11</ТелефонИсполнителя>
    <ПочтаИсполнителя>novik@example.org</ПочтаИсполнителя>
  </Исполнитель>
</Анкета>
"""
        return text.encode("windows-1251")

    def m03_by(self, to, agreement, case, ref, **k):
        return self._by("РС", to, agreement, case, ref, "", **k)

    def m04_by(self, to, agreement, case, ref, decline=False, **k):
        section = f"""  <РешениеПоОбращению>
    <Итог>{"Нет" if decline else "Да"}</Итог>
    <ПричинаОтказа>{"01" if decline else ""}</ПричинаОтказа>
    <Условия/>
    <Переадресовано/>
  </РешениеПоОбращению>
"""
        return self._by("РШ", to, agreement, case, ref, section, **k)

    def m05_by(self, to, agreement, case, ref, fields=("СемейноеПоложение",), **k):
        section = f"""  <ЗапросСведений>
    <ЗапрашиваемыеСведения>{", ".join(fields)}</ЗапрашиваемыеСведения>
    <ЦельЗапроса>04</ЦельЗапроса>
    <ПояснениеЗапроса/>
  </ЗапросСведений>
"""
        return self._by("ЗП", to, agreement, case, ref, section, due=dots(day(7)), **k)

    def _al(self, root, to, agreement, case, ref, rows, office="AL-ONAC"):
        head = [("NrProtokolli", "ONAC-" + self.number()), ("NumriNderkombetar", case),
                ("NrDalje", "dal-" + self.number()), ("NrReference", ref), ("DataDokumentit", dots(today())),
                ("Derguesi", office), ("Marresi", to), ("Marreveshja", agreement), ("KomitetiQarkut", "-")]
        tail = [("PersoniKontaktit", "Arben Hoxha"), ("TelKontaktit", "+355 4 000 0014"), ("Shenime", "-")]
        body = "".join(f"  <{k}>{escape(v)}</{k}>\n" for k, v in head + rows + tail)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} version="1.0">\n{body}</{root}>\n'.encode()

    def m03_al(self, to, agreement, case, ref, **k):
        return self._al("VertetimMarrje", to, agreement, case, ref, [("DataMarrjes", dots(today()))], **k)

    def m04_al(self, to, agreement, case, ref, decline=False, **k):
        rows = [("KodiVendimit", "JO" if decline else "PO"), ("Arsyeja1", "SHT" if decline else "-"), ("Arsyeja2", "-"),
                ("Arsyeja3", "-"), ("Kushtet", "-"), ("AutoritetiTjeter", "-")]
        return self._al("Vendim", to, agreement, case, ref, rows, **k)

    def m05_al(self, to, agreement, case, ref, fields=("GjendjaCivile",), **k):
        fields = list(fields) + ["-"] * 5
        rows = [(f"Fusha{i + 1}", fields[i]) for i in range(5)] + [("Qellimi", "AS"), ("AfatiPergjigjes", dots(day(7)))]
        return self._al("KerkeseInformacioni", to, agreement, case, ref, rows, **k)
