// BLEU, chrF and Bradley-Terry against their published and computed figures; structured answers.
#include <QtTest>

#include "metrics/bleu.h"
#include "metrics/bradley_terry.h"
#include "metrics/chrf.h"
#include "metrics/structured.h"

using namespace retort;
using namespace retort::metrics;

namespace {

bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance; }

}  // namespace

class TestMoreScores : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void bleuFigures() {
    const std::vector<std::string> answers = {"The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."};
    const std::vector<std::vector<std::string>> references = {{"The dog bit the man.", "The dog had bit the man."}, {"It was not unexpected.", "No one was surprised."}, {"The man bit him first.", "The man had bitten the dog."}};
    QVERIFY(near(bleu(answers, references).score, 48.530827, 1e-6));
    QVERIFY(near(bleu(answers, references, {BleuTokens::v13a, BleuSmooth::none}).score, 48.530827, 1e-6));
    QVERIFY(near(bleu(answers, references, {BleuTokens::none}).score, 49.1919566, 1e-6));
    QVERIFY(near(bleu(answers, references, {BleuTokens::intl}).score, 43.91623493, 1e-6));
    QCOMPARE(bleu(answers, references).signature, std::string("BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|retort:1"));
    const std::vector<std::string> fest = {"this is a fest"};
    QVERIFY(near(bleu(fest, {{"this is a test"}}, {BleuTokens::none, BleuSmooth::floor, 0.01}).score, 22.3606797749979, 1e-6));
    QVERIFY(near(bleu(fest, {{"this is a test"}}).score, 59.460356, 1e-5));
    QCOMPARE(bleu({"", ""}, {{"a"}, {"b"}}).score, 0.0);
    QCOMPARE(bleu({}, {}).score, 0.0);
    QCOMPARE(bleuTokens("It's 3.5% (of 1,000), e.g. x-ray -- 5-6&amp;7.", BleuTokens::v13a),
             (std::vector<std::string>{"It's", "3.5", "%", "(", "of", "1,000", ")", ",", "e", ".", "g", ".", "x-ray", "--", "5", "-", "6", "&", "7", "."}));
  }

  void chrfFigures() {
    const auto score = [](std::vector<std::string> a, std::vector<std::string> r, bool eps) {
      std::vector<std::vector<std::string>> references;
      for (auto& text : r) references.push_back({text});
      return chrf(a, references, {6, 3, eps}).score;
    };
    QVERIFY(near(score({"aa"}, {"ab"}, true), 8.3333, 1e-4));
    QVERIFY(near(score({"a"}, {"a"}, true), 16.6667, 1e-4));
    QVERIFY(near(score({"a b c"}, {"abc"}, true), 50, 1e-4));
    QVERIFY(near(score({"a", "b"}, {"a", "c"}, true), 8.3333, 1e-4));
    QVERIFY(near(score({"aa"}, {"ab"}, false), 25, 1e-4));
    QVERIFY(near(score({"a", "b"}, {"a", "c"}, false), 50, 1e-4));
    QVERIFY(near(score({"a"}, {"a"}, false), 100, 1e-4));
    const std::string text = "the quick brown fox jumps over the lazy dog";
    QVERIFY(near(score({text}, {text}, true), 100, 1e-4));
    QCOMPARE(score({""}, {"a"}, false), 0.0);
    QCOMPARE(chrf({"état"}, {{"état"}}).score, 100.0);   // letters, not bytes, and no script is dropped
  }

  void bradleyTerryFigures() {
    const auto result = bradleyTerry(3, {{0, 1, 8, 2, 0}, {1, 2, 7, 3, 0}, {0, 2, 9, 1, 0}}, 500);
    QVERIFY(result.ok() && !result->padded);
    const double strengths[] = {3.31090, 0.83622, 0.36119}, elos[] = {207.98, -31.07, -176.91};
    for (std::size_t i = 0; i < 3; ++i) {
      QVERIFY(near(result->players[i].strength, strengths[i], 5e-6));
      QVERIFY(near(result->players[i].elo, elos[i], 5e-3));
      QVERIFY(result->players[i].interval.low < elos[i] && result->players[i].interval.high > elos[i]);
    }
    QCOMPARE(bradleyTerry(4, {{0, 1, 1, 1, 0}, {2, 3, 1, 1, 0}}).error().code, std::string("metrics.bradley-terry.apart"));
    const auto all = bradleyTerry(2, {{0, 1, 5, 0, 0}});
    QVERIFY(all.ok() && all->padded && std::isfinite(all->players[0].elo) && all->players[0].elo > 0);
    QVERIFY(near(bradleyTerry(2, {{0, 1, 0, 0, 6}})->players[0].elo, 0, 1e-9));
  }

  void jsonAnswers() {
    QVERIFY(strictJson(" {\"a\": 1} \n").has_value());
    QVERIFY(!strictJson("Here: {\"a\": 1}").has_value());
    QCOMPARE(extractedJson("Here: {\"a\": \"}\"} and {\"b\": 2}").value(), Json({{"a", "}"}}));
    QCOMPARE(extractedJson("```json\n[1, 2]\n```\n{\"a\": 1}").value(), Json({1, 2}));
    QCOMPARE(extractedJson("set {x} then {\"a\": 1}").value(), Json({{"a", 1}}));
    QVERIFY(!extractedJson("{\"a\": ").has_value());
    QVERIFY(!extractedJson(std::string(100'000, '{')).has_value());
    QVERIFY(sameJson({{"a", 1}, {"b", {1, 2}}}, {{"b", {1.0, 2}}, {"a", 1.0}}));
    QVERIFY(!sameJson(Json::array({1, 2}), Json::array({2, 1})));
    const auto match = matchFields({{"a", 1}, {"b", {{"c", "x"}}}, {"d", true}}, {{"a", 1.0}, {"b", {{"c", "y"}, {"e", nullptr}}}});
    QCOMPARE(match.fields, std::size_t{3});
    QCOMPARE(match.right, std::size_t{1});
    QCOMPARE(match.extra, std::size_t{1});
  }

  void numbers() {
    QCOMPARE(lastNumber("between 3 and 1,234,567.5 in all").value(), 1234567.5);
    QCOMPARE(lastNumber("so x = -2.5e-3.").value(), -0.0025);
    QCOMPARE(lastNumber("rose 12%").value(), 0.12);
    QCOMPARE(lastNumber("pages 3-4").value(), 4.0);
    QCOMPARE(lastNumber("temperature \xE2\x88\x92" "7 degrees").value(), -7.0);
    QCOMPARE(lastNumber("1,2,3").value(), 3.0);
    QVERIFY(!lastNumber("none").has_value());
    QVERIFY(sameNumber(1.0000001, 1) && !sameNumber(1.1, 1) && !sameNumber(std::nan(""), std::nan("")));
  }

  void toolsAndCitations() {
    const auto ours = toolCalls(Json::array({{{"name", "find"}, {"arguments", {{"n", 1}, {"q", "x"}}}}}));
    const auto theirs = toolCalls(Json{{"tool_calls", Json::array({{{"type", "function"}, {"function", {{"name", "find"}, {"arguments", "{\"q\": \"x\", \"n\": 1.0}"}}}}})}});
    QCOMPARE(theirs.size(), std::size_t{1});
    QVERIFY(sameToolCalls(ours, theirs));
    QVERIFY(!sameToolCalls(ours, {}));
    const auto cited = citations("As said [1], and again [1, 4]; see [note] and [2].", {1, 2, 3});
    QCOMPARE(cited.cited, std::size_t{3});
    QCOMPARE(cited.right, std::size_t{2});
    QVERIFY(near(cited.recall(), 2.0 / 3, 1e-12));
    QVERIFY(near(calibrationError({0.95, 0.95, 0.55, 0.55}, {true, true, true, false}), 0.05, 1e-12));
  }
};

QTEST_APPLESS_MAIN(TestMoreScores)
#include "tst_more_scores.moc"
