#!/usr/bin/env python3
"""Writes departement-44.csv and formation-ocean.csv; prints their bad rows.

Everyone is invented, with a fixed seed: the files are the same at each run.
"""

import csv
import io
import random
import unicodedata
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).parent
TODAY = date(2026, 11, 22)

HEADER = (
  "reference,profile,last_name,first_name,gender,birth_date,birth_place,email,"
  "phone,address,postcode,commune,nir,employer_siret,isced,disability,"
  "parents_birth_place,last_activity"
).split(",")

FIRST = {
  "F": """Marie Nathalie Isabelle Sylvie Catherine Martine Christine Françoise
    Valérie Sandrine Stéphanie Véronique Céline Chantal Patricia Aurélie Émilie
    Laëtitia Hélène Noémie Anaïs Léa Manon Inès Yasmina Fatou Linh Maëlle Rozenn
    Anne-Sophie Marie-Thérèse Maud Élodie Océane Aïcha Ghislaine""".split(),
  "M": """Jean Pierre Michel Philippe Alain Patrick Nicolas Christophe Frédéric
    Laurent Stéphane Pascal Sébastien David Éric Julien Mickaël Guillaume Thomas
    Loïc Yann Gaël Rémi Hervé Mamadou Karim Noël Jérôme François-Xavier Jean-Yves
    Raphaël Théo Maël Kévin Minh Gwenaël""".split(),
  "N": "Camille Dominique Sasha Alex Maxence Claude".split(),
}

# Invented surnames: compounds that no register was asked for.
LAST = """Le Goffrenec|D'Hervémont|Nguyễn-Kervadou|O'Connor-Trévain|Lecormier-Vaux|
  Dubrenoy|Tanguerel|Bresmont-Éloi|Maurelan|Kervadou-Lys|Garlandier|Flochmer|
  Rozelier|Hamonet-Brière|Benharid-Salvane|Perrodineau|Valtorel|Chamdore|
  Jolivardin|Delorgeais|Morvanec|Diarel-Sèye|Lemartelot|Sénéchartier|Guyaderne|
  Nguyerre|Aubrelin|Vasseroteau|Oriveau-Ménil|Bonnelage|Thiervalier|Kerjeune|
  Esparonde|Labredène|Cottenettier|Hachelin-Dô|Pluvinelle|Fauvergnat|Yvrandière|
  Ar Goulvestre|De la Sauzelière|Du Plessardon|Traorénoux|Müllervey|Ibañezque|
  L'Hostellec|Saint-Évremire|Cœurdacier-Lanne|Brûlefer-Noix|Maçonnais-Thû|
  Le Braz-Ondine|Quéméneurve|Rouxelain|Abgralven|Zerroukande|Da Silvestrin|
  Van der Ploëven|Kowalskervé|Lefèbvrance|Çelikand|Gauthierneuf|Bourdonnaux|
  Haddadouin|Pérézelle|Moreaudrin|Le Tallecq-Ruy|D'Angervilliot|Roussignard|
  Ollivrinec|Caradéchain|Bizeulande|Guillemotreau|Péronnelle|Ferrandour|
  Sow-Kermadec|Mézièrand|Colombanel|Andréanique|Poggialetti|Santonicci-Ré|
  Lanfranchelli|Tran-Morhan|Ouedraogane|Riouallec|Le Merdyval|Jégouzel|
  Prigentier|Allanioux|Boutinard-Cé|Charrierol|Denéchère-Loup|Évenoux|
  Fillâtreau|Grolleauvin|Houdayerne|Joussaumet|Landreauvic|Ménoret-Saule|
  Naulinois|Orieuxval|Pasquereaud|Ricordelain|Sorinière-Bel|Templiervic""".split("|")
LAST = [name.strip() for name in LAST]

# Birth places: the five characters that the NIR carries. No commune bears a
# number from 991 to 999, no overseas commune one from 91 to 99, and no country
# one from 99991 to 99999: such a number was given to nobody.
BORN = [
  ("Nantes", "44995"), ("Nantes", "44994"), ("Saint-Nazaire", "44996"),
  ("Châteaubriant", "44993"), ("Angers", "49995"), ("Cholet", "49996"),
  ("La Roche-sur-Yon", "85995"), ("Rennes", "35995"), ("Vannes", "56995"),
  ("Lorient", "56996"), ("Brest", "29995"), ("Quimper", "29996"),
  ("Saint-Brieuc", "22995"), ("Le Mans", "72995"), ("Poitiers", "86995"),
  ("Paris 13e", "75995"), ("Marseille", "13995"), ("Lille", "59995"),
]
RARE = {
  "Ajaccio": "2A995", "Bastia": "2B995", "Saint-Denis (La Réunion)": "97495",
  "Hanoï, Viêt Nam": "99995", "Oran, Algérie": "99994", "Cork, Irlande": "99993",
  "Kayes, Mali": "99992", "Porto, Portugal": "99991",
}

STREETS = """rue des Tilleuls-Bleus|allée du Phare-Couché|chemin de l'Étier-Perdu|
  impasse des Goémons-Gris|avenue du Bac-à-Voiles|rue de l'Écluse-aux-Loups|
  place du Vieux-Cabestan|quai des Gabares-Neuves|venelle du Puits-Salé|
  boulevard des Trois-Estuaires|rue Barbe-d'Écume|square de la Criée-Haute""".split("|")
STREETS = [street.strip() for street in STREETS]
EXTRAS = ["Résidence Les Embruns", "Bâtiment C, porte 12", "Lieu-dit La Haie-Creuse",
          "chez Mme Ollivrinec", "appartement 4"]


def nir_key(body):
  """The two digits that close a NIR; Corsica counts as 19 (2A) or 18 (2B)."""
  number = int(body.replace("2A", "19").replace("2B", "18"))
  return f"{97 - number % 97:02d}"


def luhn_sum(digits):
  total = 0
  for place, digit in enumerate(reversed(digits)):
    value = int(digit) * (1 + place % 2)
    total += value - 9 * (value > 9)
  return total


def luhn(body):
  """`body` with the digit that makes its Luhn sum a multiple of ten."""
  return body + str(-luhn_sum(body + "0") % 10)


def ascii_fold(text):
  text = text.replace("œ", "oe").replace("Œ", "Oe")
  text = unicodedata.normalize("NFD", text)
  return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


class Maker:
  def __init__(self, seed, prefix, towns, names, siren):
    self.rng = random.Random(seed)
    self.prefix = prefix
    self.towns = towns
    self.names = list(names)
    self.siren = siren
    self.mails = set()
    self.count = 0
    self.firsts = {}

  def chance(self, p):
    return self.rng.random() < p

  def first_name(self, gender):
    if not self.firsts.get(gender):
      self.firsts[gender] = list(FIRST[gender])
      self.rng.shuffle(self.firsts[gender])
    return self.firsts[gender].pop()

  def day(self, first, last):
    return first + timedelta(days=self.rng.randrange((last - first).days + 1))

  def nir(self, gender, birth, place):
    order = self.rng.randrange(1, 1000)
    body = f"{'1' if gender == 'M' else '2'}{birth:%y%m}{place}{order:03d}"
    return body + nir_key(body)

  def siret(self):
    siren = luhn(f"{self.siren}{self.rng.randrange(10)}")
    return luhn(f"{siren}{self.rng.randrange(1, 60):04d}")

  def phone(self):
    # The ranges that the French regulator keeps for works of fiction.
    start = self.rng.choice(["063998", "063998", "063998", "026191", "019900"])
    digits = f"{start}{self.rng.randrange(10000):04d}"
    pairs = [digits[i:i + 2] for i in range(0, 10, 2)]
    style = self.rng.random()
    if style < .62:
      return " ".join(pairs)
    if style < .82:
      return digits
    if style < .92:
      return ".".join(pairs)
    return "+33 " + " ".join([pairs[0][1]] + pairs[1:])

  def email(self, first, last):
    user = f"{ascii_fold(first)}.{ascii_fold(last)}"
    if self.chance(.15):
      user = f"{ascii_fold(first)[0]}{ascii_fold(last)[:10]}"
    mail = f"{user}@example.{self.rng.choice(['org', 'com', 'net'])}"
    if mail in self.mails:
      mail = mail.replace("@", f"{self.rng.randrange(2, 99)}@")
    self.mails.add(mail)
    return mail

  def address(self):
    text = f"{self.rng.randrange(1, 140)}{self.rng.choice(['', '', '', '', ' bis'])}"
    text += f"{', ' if self.chance(.6) else ' '}{self.rng.choice(STREETS)}"
    if self.chance(.25):
      text = f"{self.rng.choice(EXTRAS)}, {text}"
    return text

  def person(self, profile, gender=None, born=None, active=None, ages=(19, 63), **fixed):
    """One row; `born` names a rare birth place, `active` is its last activity."""
    rng = self.rng
    staff = profile in ("trainer", "department_referent", "external_referent", "manager")
    gender = gender or rng.choice("FM")
    until = active or TODAY
    low, high = ages
    oldest = date(until.year - high, 1, 1)
    if born in ("Ajaccio", "Bastia"):
      # Before 1976 the NIR of both said 20.
      oldest = max(oldest, date(1977, 1, 1))
    birth = self.day(oldest, date(until.year - low, 1, 1))
    place, code = (born, RARE[born]) if born else rng.choice(BORN)
    last = fixed.get("last_name") or self.names.pop(0)
    first = self.first_name(gender)
    postcode, commune = rng.choice(self.towns)
    self.count += 1
    row = dict.fromkeys(HEADER, "")
    row.update(
      reference=f"{self.prefix}-{self.count:04d}", profile=profile, last_name=last,
      first_name=first, gender=gender, birth_date=birth.isoformat(), birth_place=place,
      email=self.email(first, last), phone=self.phone(), address=self.address(),
      postcode=postcode, commune=commune, isced=str(rng.choice([0, 1, 2, 2, 3, 3, 3, 4, 5, 6])),
      disability=rng.choice(["no", "no", "no", "no", "yes", "refused", ""]),
      parents_birth_place=rng.choice(["France", "France", "France", place, "Alger, Algérie",
                                      "Lisbonne, Portugal", "Bamako, Mali"]),
      last_activity=active.isoformat() if active else "")
    if gender != "N":
      row["nir"] = self.nir(gender, birth, code)
    if staff:
      # The file knows those who work with the people less well than the people.
      row.update(isced=str(rng.choice([5, 6, 7, 7, 8])), disability="", parents_birth_place="")
      row.update(address="", postcode="", commune="", birth_place="", nir="")
      row["employer_siret"] = self.siret()
      # By default the register takes no level of education of them, and of a manager or
      # referent neither birth date nor e-mail address: attest.field_rules().
      row["isced"] = ""
      if profile != "trainer":
        row.update(birth_date="", email="")
    else:
      for field, p in (("email", .2), ("phone", .15), ("nir", .2), ("isced", .12),
                       ("disability", .1), ("parents_birth_place", .45), ("birth_place", .08)):
        if self.chance(p) and not (born and field in ("nir", "birth_place")):
          row[field] = ""
      if self.chance(.06):
        row.update(address="", postcode="", commune="")
      if self.chance(.3 if profile == "learner" else .12):
        row["employer_siret"] = self.siret()
    row.update(fixed)
    return row


def wrong_digit(number):
  """`number` with its last digit changed, hence a wrong key."""
  return number[:-1] + str((int(number[-1]) + 1) % 10)


def check(rows):
  """What the good rows promise."""
  for row in rows:
    nir, siret = row["nir"], row["employer_siret"]
    if nir:
      assert len(nir) == 15 and nir_key(nir[:13]) == nir[13:], row
      assert nir[0] == {"M": "1", "F": "2"}[row["gender"]], row
      assert nir[1:5] == row["birth_date"][2:4] + row["birth_date"][5:7], row
      assert nir[7:10] > "990" or nir[5:7] == "97" and nir[8:10] > "90", row
    if siret:
      assert len(siret) == 14 and siret.startswith("00000"), row
      assert luhn_sum(siret) % 10 == luhn_sum(siret[:9]) % 10 == 0, row
    if row["birth_date"]:
      date.fromisoformat(row["birth_date"])
    assert row["last_name"] and row["first_name"] and row["reference"], row
    assert row["gender"] != "N" or not nir, row
  assert len({row["reference"] for row in rows}) == len(rows)


def write(name, rows, bad):
  """Writes the rows, and returns [(line, reference, column, reason)]."""
  check([row for row in rows if row["reference"] not in bad])
  text = io.StringIO()
  out = csv.writer(text, lineterminator="\n")
  out.writerow(HEADER)
  found = []
  for row in rows:
    if row["reference"] in bad:
      column, reason = bad[row["reference"]]
      found.append((text.getvalue().count("\n") + 1, row["reference"], column, reason))
    fields = [row[column] for column in HEADER]
    out.writerow(fields[:row.get("whole row", len(fields))])
  (HERE / name).write_text(text.getvalue(), encoding="utf-8", newline="\n")
  return found


def mixed(maker, rows, bad_rows):
  """The bad rows among the others, never first nor last."""
  for row in bad_rows:
    rows.insert(maker.rng.randrange(4, len(rows) - 2), row)
  for number, row in enumerate(rows, 1):
    row["reference"] = f"{maker.prefix}-{number:04d}"
  return rows


def bad_row(row, column, value, reason, **more):
  row.update({column: value, "bad": (column, reason)}, **more)
  return row


def old(maker):
  return maker.day(date(2014, 1, 6), date(2015, 12, 18))


def middle(maker):
  return maker.day(date(2020, 12, 1), date(2022, 10, 28))


def departement(names):
  towns = [("44000", "44109"), ("44100", "44109"), ("44200", "44109"), ("44600", "44184"),
           ("44400", "44143"), ("44800", "44162"), ("44470", "44026"), ("44700", "44114"),
           ("44340", "44020"), ("44220", "44047"), ("44120", "44215"), ("44110", "44036"),
           ("44210", "44131")]
  m = Maker(44, "LB", towns, names, "0000044")
  people = [m.person("beneficiary") for _ in range(27)]
  people += [m.person("beneficiary", active=old(m)) for _ in range(8)]
  people += [m.person("beneficiary", active=middle(m)) for _ in range(4)]
  people += [m.person("beneficiary", gender="N") for _ in range(3)]
  people += [
    m.person("beneficiary", gender="F", born="Ajaccio"),
    m.person("beneficiary", gender="M", born="Bastia"),
    m.person("beneficiary", gender="F", born="Hanoï, Viêt Nam", last_name="Nguyễn-Brévallon"),
    m.person("beneficiary", gender="M", born="Oran, Algérie"),
    m.person("beneficiary", gender="M", born="Saint-Denis (La Réunion)"),
  ]
  people[5]["address"] = "Résidence Les Embruns,\n3e étage, porte 12\n18, quai des Gabares-Neuves"
  people[11]["address"] = 'Foyer "Le Clos d\'Anna", 4, venelle du Puits-Salé'
  m.rng.shuffle(people)
  staff = [m.person("department_referent", ages=(28, 60)) for _ in range(3)]
  staff += [m.person("external_referent", ages=(28, 60)) for _ in range(2)]
  bad = []
  row = m.person("beneficiary", gender="F")
  birth = date.fromisoformat(row["birth_date"])
  bad.append(bad_row(row, "nir", wrong_digit(m.nir("F", birth, "44995")), "wrong key"))
  bad.append(bad_row(m.person("beneficiary", gender="M", nir=""), "birth_date", "2001-02-30",
                     "no such day"))
  bad.append(bad_row(m.person("beneficiary"), "last_name", "", "missing"))
  bad.append(bad_row(m.person("beneficiary", nir=""), "gender", "X", "unknown gender"))
  bad.append(bad_row(m.person("beneficiary"), "employer_siret", wrong_digit(m.siret()),
                     "wrong Luhn key"))
  bad.append(bad_row(m.person("beneficiary"), "whole row", 11, "too few fields: 11 of 18"))
  bad.append(bad_row(m.person("beneficiary"), "profile", "volunteer", "unknown profile"))
  bad.append(bad_row(m.person("beneficiary"), "isced", "9", "ISCED goes from 0 to 8"))
  return mixed(m, people + staff, bad)


def formation(names):
  towns = [("29200", "29019"), ("29000", "29232"), ("56100", "56121"), ("56000", "56260"),
           ("35000", "35238"), ("35400", "35288"), ("17000", "17300"), ("29900", "29039"),
           ("56600", "56098"), ("29600", "29151"), ("20000", "2A004")]
  m = Maker(2029, "FO", towns, names, "0000029")
  people = [m.person("learner", ages=(17, 52)) for _ in range(20)]
  people += [m.person("learner", ages=(17, 45), active=old(m)) for _ in range(4)]
  people += [m.person("learner", ages=(17, 45), active=middle(m)) for _ in range(3)]
  people += [m.person("learner", ages=(17, 45), gender="N") for _ in range(2)]
  people += [
    m.person("learner", ages=(17, 45), gender="M", born="Ajaccio"),
    m.person("learner", ages=(17, 45), gender="F", born="Bastia"),
    m.person("learner", ages=(17, 45), gender="M", born="Cork, Irlande", last_name="O'Connor-Trébaul"),
    m.person("learner", ages=(17, 45), gender="F", born="Kayes, Mali"),
  ]
  people[3]["address"] = "Péniche L'Albatros\nquai des Gabares-Neuves, anneau 7"
  people[8]["address"] = '27, rue Barbe-d\'Écume (portail "bleu marine")'
  m.rng.shuffle(people)
  staff = [m.person("trainer", ages=(28, 60)) for _ in range(3)]
  staff += [m.person("trainer", ages=(28, 60), active=middle(m))]
  staff += [m.person("manager", ages=(28, 60))]
  bad = []
  row = m.person("learner", ages=(17, 45), gender="M")
  birth = date.fromisoformat(row["birth_date"])
  bad.append(bad_row(row, "nir", wrong_digit(m.nir("M", birth, "29995")), "wrong key"))
  bad.append(bad_row(m.person("learner", gender="F", nir=""), "birth_date", "1998-13-05",
                     "no such month"))
  bad.append(bad_row(m.person("learner"), "whole row", 16, "too few fields: 16 of 18"))
  bad.append(bad_row(m.person("trainer", ages=(28, 60)), "profile", "student", "unknown profile"))
  return mixed(m, people + staff, bad)


def main():
  names = list(LAST)
  random.Random(7).shuffle(names)
  half = len(names) * 58 // 100
  for name, rows in (("departement-44.csv", departement(names[:half])),
                     ("formation-ocean.csv", formation(names[half:]))):
    bad = {row["reference"]: row["bad"] for row in rows if "bad" in row}
    found = write(name, rows, bad)
    print(f"{name}: {len(rows)} rows, {len(found)} bad")
    for line, reference, column, reason in found:
      print(f"  line {line}, {reference}, {column}: {reason}")


if __name__ == "__main__":
  main()
