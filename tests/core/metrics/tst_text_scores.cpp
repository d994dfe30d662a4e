// Vectors of SQuAD and ROUGE, exact match, classification tables and the stemmer.
#include <QtTest>

#include <cmath>

#include "metrics/classification.h"
#include "metrics/rouge.h"
#include "metrics/text_scores.h"

using namespace retort::metrics;

#define NEAR(actual, expected, within) QVERIFY2(std::abs((actual) - (expected)) <= (within), qPrintable(QString::number((actual), 'g', 12)))

class TestTextScores : public QObject {
  Q_OBJECT

 private slots:
  void squad() {
    QVERIFY(squadExact("The Eiffel Tower!", "eiffel tower"));
    NEAR(squadF1("Eiffel Tower is in Paris", "Paris"), .333333, 5e-7);
    NEAR(squadF1("the cat sat", "a cat sat on the mat"), .666667, 5e-7);
    NEAR(squadF1("state-of-the-art", "state of the art"), 0, 0);
    QVERIFY(!squadExact("\u201cParis\u201d", "Paris"));
    QVERIFY(squadExact("", ""));
    NEAR(squadF1("", ""), 0, 0);
    NEAR(squadF1("", "", SquadVariant::v2), 1, 0);
    NEAR(squadF1("", "x", SquadVariant::v2), 0, 0);
    NEAR(squadF1("b", std::vector<std::string>{"a b", "b"}, SquadVariant::v1), 1, 1e-12);
  }

  void exact() {
    QVERIFY(exactMatch("a\n", "a"));
    QVERIFY(exactMatch("e\u0301", "\u00e9"));
    QVERIFY(!exactMatch("A", "a"));
    QVERIFY(exactMatch("A, 1", "a 2", {.stripFinalNewline = true, .ignoreCase = true, .ignorePunctuation = true, .ignoreNumbers = true}));
    QVERIFY(!exactMatch("a\n", "a", {.stripFinalNewline = false}));
  }

  void rouge() {
    const Rouge r1 = rougeN("testing one two", "testing", 1);
    NEAR(r1.precision, 1, 1e-9);
    NEAR(r1.recall, 1.0 / 3, 1e-9);
    NEAR(r1.f1, 0.5, 1e-9);
    const Rouge r2 = rougeN("testing one two", "testing one", 2);
    NEAR(r2.precision, 1, 1e-9);
    NEAR(r2.recall, 0.5, 1e-9);
    NEAR(r2.f1, 2.0 / 3, 1e-9);
    for (const char* prediction : {"testing one", "testing two"}) {
      const Rouge l = rougeL("testing one two", prediction);
      NEAR(l.precision, 1, 1e-9);
      NEAR(l.recall, 2.0 / 3, 1e-9);
      NEAR(l.f1, 0.8, 1e-9);
    }
    for (const auto& [t, p] : {std::pair<const char*, const char*>{"testing one two", ""}, {"", "testing one two"}, {"testing one two", "/"}}) {
      NEAR(rougeN(t, p, 1).f1, 0, 0);
      NEAR(rougeN(t, p, 2).f1, 0, 0);
      NEAR(rougeL(t, p).f1, 0, 0);
      NEAR(rougeLsum(t, p).f1, 0, 0);
    }
    const Rouge sum = rougeLsum("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5");
    NEAR(sum.recall, .8, 1e-9);
    NEAR(sum.precision, .4, 1e-9);
    NEAR(sum.f1, .5333, 5e-5);
    const std::vector<std::string> reference = {"1", "2", "3", "4", "5"};
    QCOMPARE(lcsLength(reference, {"2", "5", "3", "4"}), std::size_t(3));
    QCOMPARE(lcsUnion(reference, {{"1", "2", "6", "7", "8"}, {"1", "3", "8", "9", "5"}}), (std::vector<std::size_t>{0, 1, 2, 4}));
    QVERIFY(rougeIsMisleading("état désolé"));
    QVERIFY(!rougeIsMisleading("plain words"));
    QCOMPARE(rougeTokens("It's STATE-of 4"), (std::vector<std::string>{"it", "s", "state", "of", "4"}));
  }

  void stems_data() {
    QTest::addColumn<QString>("word");
    QTest::addColumn<QString>("stem");
    const char* pairs[][2] = {{"caresses", "caress"}, {"ponies", "poni"}, {"cats", "cat"}, {"agreed", "agre"}, {"plastered", "plaster"}, {"motoring", "motor"}, {"conflated", "conflat"},
      {"hopping", "hop"}, {"falling", "fall"}, {"filing", "file"}, {"happy", "happi"}, {"relational", "relat"}, {"conditional", "condit"}, {"vietnamization", "vietnam"}, {"operator", "oper"},
      {"hopefulness", "hope"}, {"triplicate", "triplic"}, {"electrical", "electr"}, {"adjustment", "adjust"}, {"adoption", "adopt"}, {"probate", "probat"}, {"rate", "rate"}, {"controlling", "control"},
      {"rolling", "roll"}, {"dying", "die"}, {"running", "run"}};
    for (const auto& p : pairs) QTest::newRow(p[0]) << p[0] << p[1];
  }
  void stems() {
    QFETCH(QString, word);
    QFETCH(QString, stem);
    QCOMPARE(porterStem(word.toStdString()), stem.toStdString());
  }

  void classes() {
    // a: 2 of 3 found, once said wrongly; b: 1 of 2; c: said once, never right; one answer names nothing.
    const Classification c = classify({"a", "a", "b", "a", "c", ""}, {"a", "a", "b", "b", "a", "b"});
    QCOMPARE(c.n, std::int64_t(6));
    QCOMPARE(c.correct, std::int64_t(3));
    QCOMPARE(c.invalid, std::int64_t(1));
    NEAR(c.accuracy, 0.5, 1e-12);
    QCOMPARE(c.classes.size(), std::size_t(3));
    NEAR(c.classes[0].f1, 2.0 / 3, 1e-12);
    NEAR(c.classes[1].f1, 0.5, 1e-12);
    NEAR(c.macroF1, (2.0 / 3 + 0.5) / 2, 1e-12);   // c is no reference here
    QCOMPARE(c.confusion.at({"b", "a"}), std::int64_t(1));
    NEAR(agreement({"a", "", "b"}, {"a", "", "c"}), 1.0 / 3, 1e-12);
    QCOMPARE(labelText("\n billing \nbecause", LabelRule::firstLine), std::string("billing"));
    QCOMPARE(labelText(" a\nb ", LabelRule::whole), std::string("a\nb"));
  }
};

QTEST_APPLESS_MAIN(TestTextScores)
#include "tst_text_scores.moc"
