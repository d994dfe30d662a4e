// Words: with the text index and without it the same records match; the index goes on after a kill and a full disk, and with new records.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/random.h"
#include "logs/text_index.h"
#include "logs/text_scan.h"
#include "store/database.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

/// Words of several scripts, some of which differ only in case or accents, and what divides them.
std::string someWords(Random& random, bool isJson) {
  static const std::vector<std::string> kWords = {"refund", "Refund", "REFUNDS", "caf\u00e9", "cafe", "CAFE\u0301", "na\u00efve", "stra\u00dfe", "STRASSE", "\u00d8re", "foo-bar", "foo", "bar", "foo_bar", "e.g.", "don't", "4711", "1,234.5", "x2",
                                                  "\u65e5\u672c\u8a9e", "\u65e5\u672c", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u043f\u0440\u0438\u0432\u0435\u0442", "\u0391\u03b8\u03ae\u03bd\u03b1", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0939\u093f\u0928\u094d\u0926\u0940", "\U0001F600", "a\u0301", "\ufb01n", "\u0130stanbul", "istanbul", "order", "late", "the"};
  std::string text;
  for (auto n = random.below(10); n > 0; --n) {
    text += kWords[random.below(kWords.size())];
    text += std::vector<std::string>{" ", " ", " ", isJson ? "\\n" : "\n", ", ", "-", isJson ? "\\u0000" : " ", "/", "\u3000", "_", ""}[random.below(11)];
  }
  return text;
}

std::string wordLine(Random& random, int n) {
  std::string text = line(n, someWords(random, true));
  const std::string answer = R"({"text":"Hi"})";
  text.replace(text.find(answer), answer.size(), R"({"text":")" + someWords(random, true) + "\"}");
  return text + "\n";
}

std::string wordLines(std::uint64_t seed, int from, int to) {
  Random random(seed);
  std::string text;
  for (int i = from; i < to; ++i) text += wordLine(random, i);
  return text;
}

Filter wordsFilter(const std::string& words) {
  FilterNode test;
  test.kind = FilterNode::Kind::test;
  test.field = "@text";
  test.isBuiltIn = true;
  test.op = FilterOp::match;
  test.values = {{words, false}};
  return {test, Missing::differs};
}

std::vector<std::string> randomQueries(std::uint64_t seed, int n) {
  Random random(seed);
  std::vector<std::string> queries;
  while (static_cast<int>(queries.size()) < n) {
    std::string words = someWords(random, false);
    if (random.chance(0.3)) words = "\"" + words + "\"" + (random.chance(0.5) ? "*" : "");
    else if (random.chance(0.3)) words = words.substr(0, words.find(' ')) + "*";
    else if (random.chance(0.5)) words = words.substr(0, words.find(' ')) + " " + words.substr(0, words.find(','));
    if (isValidUtf8(words) && WordQuery::parse(words).ok()) queries.push_back(words);
  }
  return queries;
}

using Answers = std::vector<std::vector<std::uint32_t>>;
Answers answersOf(const fs::path& db, const std::vector<std::string>& queries) {
  const auto store = *LogStore::open(db);
  Answers out;
  for (const auto& query : queries) out.push_back(*store->ids(wordsFilter(query)));
  return out;
}

/// Runs `work` in a child that may be killed; true when it ended by itself with `want`.
template <typename F>
int inChild(F&& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

class TstWords : public QObject {
  Q_OBJECT

 private slots:
  void filterText() {
    const auto filter = parseFilter("@text match \"refund \\\"late order\\\" can*\" and env = \"prod\"");
    QVERIFY2(filter.ok(), filter.ok() ? "" : filter.error().text().c_str());
    QCOMPARE(printFilter(*filter), std::string("@text match \"refund \\\"late order\\\" can*\" and env = \"prod\""));
    QVERIFY(filterInWords(*filter).starts_with("the text holds the words \"refund"));
    QCOMPARE(beyondBedrock(*filter).size(), std::size_t(1));
    QCOMPARE(parseFilter("env match \"a\"").error().code, std::string("filter.operator"));
    QCOMPARE(parseFilter("@text match \"--\"").error().code, std::string("filter.words"));
    QVERIFY(parseFilter("match = \"a\"").ok());               // still a key
  }

  void wordsOfOneRecord_data() {
    QTest::addColumn<QString>("words");
    QTest::addColumn<bool>("matches");
    for (const auto& [words, matches] : {std::pair{"refund", true}, {"REFUND", true}, {"refunds", false}, {"refun*", true}, {"refun", false}, {"cafe", true}, {"caf\u00e9 late", true}, {"\"late order\"", true}, {"\"order late\"", false},
                                         {"\"the late\"", false}, {"order sure", true}, {"\"order sure\"", false}, {"foo-bar", true}, {"bar-foo", false}, {"\"late ord\"*", true}, {"sure missing", false}})
      QTest::newRow(words) << QString::fromUtf8(words) << matches;
  }
  void wordsOfOneRecord() {
    QFETCH(QString, words);
    QFETCH(bool, matches);
    Place place;
    std::string text = line(1, "Refund the caf\u00e9: foo bar late order");
    text.replace(text.find("\"Hi\""), 4, "\"Sure\"");
    place.write("a.jsonl", text + "\n");
    QVERIFY(place.import().ok());
    const auto filter = wordsFilter(words.toStdString());
    const auto store = *LogStore::open(place.db());
    QCOMPARE(*store->count(filter) == 1, matches);
    QCOMPARE(RecordMatcher::create(filter)->matches(*store->record(0)), matches);
    QVERIFY(indexTexts(place.root).ok());
    QCOMPARE(*store->count(filter) == 1, matches);
  }

  void withAndWithoutTheIndex() {
    Place place;
    place.write("a.jsonl", wordLines(1, 0, 1500));
    QVERIFY(place.import().ok());
    const auto queries = randomQueries(2, 300);
    const auto scanned = answersOf(place.db(), queries);
    QVERIFY(!*textIndexState(place.root));
    const auto summary = indexTexts(place.root);
    QVERIFY2(summary.ok(), summary.ok() ? "" : summary.error().text().c_str());
    QCOMPARE(summary->records, std::int64_t(1500));
    const auto indexed = answersOf(place.db(), queries);
    for (std::size_t i = 0; i < queries.size(); ++i) QVERIFY2(scanned[i] == indexed[i], queries[i].c_str());
    QVERIFY(std::count_if(indexed.begin(), indexed.end(), [](const auto& ids) { return !ids.empty(); }) > 100);
    // New records are scanned and merged, until the index goes on.
    place.write("b.jsonl", wordLines(3, 1500, 2200));
    QVERIFY(place.import().ok());
    QCOMPARE((*textIndexState(place.root))->done, std::uint64_t(1500));
    const auto merged = answersOf(place.db(), queries);
    QCOMPARE(indexTexts(place.root)->records, std::int64_t(700));
    QVERIFY(merged == answersOf(place.db(), queries));
    QCOMPARE(indexTexts(place.root)->records, std::int64_t(0));
    // In facets and with other clauses.
    const auto store = *LogStore::open(place.db());
    const auto filter = *parseFilter("@text match \"refund\" and @input_tokens < 1000");
    const auto all = *store->ids(*parseFilter("@text match \"refund\""));
    QCOMPARE(*store->count(filter), static_cast<std::uint64_t>(std::lower_bound(all.begin(), all.end(), 1000u) - all.begin()));
    const auto facets = *store->facets(wordsFilter("refund"), {"env"});
    QCOMPARE(facets.at(0).values.at(0).count, all.size());
    QVERIFY(*dropTextIndex(place.root));
    QVERIFY(!*dropTextIndex(place.root));
    QVERIFY(merged == answersOf(place.db(), queries));
  }

  void goesOnAfterAKillAndAFullDisk() {
    Place place;
    place.write("a.jsonl", wordLines(5, 0, 20'000));
    QVERIFY(place.import().ok());
    Random random(7);
    int killed = 0;
    for (int round = 0; round < 8; ++round) {
      const auto stopAt = static_cast<std::int64_t>(random.below(20'000));
      killed += inChild([&] { return indexTexts(place.root, {}, [&](const Progress& p) { if (p.done >= stopAt) std::raise(SIGKILL); }).ok() ? 0 : 1; }) == -SIGKILL;
    }
    QVERIFY(killed > 0);
    QVERIFY(dropTextIndex(place.root).ok());
    const int full = inChild([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{400'000, 400'000};
      setrlimit(RLIMIT_FSIZE, &limit);
      const auto summary = indexTexts(place.root);
      return summary.ok() ? 0 : summary.error().code == "store.full" || summary.error().code == "store.io" ? 2 : 3;
    });
    QCOMPARE(full, 2);
    const auto queries = randomQueries(8, 40);
    const auto partly = answersOf(place.db(), queries);
    QVERIFY(indexTexts(place.root).ok());
    QCOMPARE((*textIndexState(place.root))->done, std::uint64_t(20'000));
    QVERIFY(partly == answersOf(place.db(), queries));
    QVERIFY(dropTextIndex(place.root).ok());
    QVERIFY(partly == answersOf(place.db(), queries));
  }
};

QTEST_GUILESS_MAIN(TstWords)
#include "tst_words.moc"
