// Near-duplicate groups, splits, and that no group ever crosses a split.
#include <QTest>

#include <map>
#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "data/groups.h"
#include "data/split.h"

using namespace retort;
using namespace retort::data;

namespace {

/// `count` random words; a fraction `changed` of the words of `base` replaced when one is given.
std::string text(Random& random, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i ? " w" : "w") + std::to_string(random.below(5000));
  return out;
}

double jaccard(const std::string& a, const std::string& b) {
  const auto x = shingles(a), y = shingles(b);
  std::vector<std::uint64_t> both;
  std::set_intersection(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(x.size() + y.size() - both.size());
}

}  // namespace

class TestGroups : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void normalisesPrompts() {
    QCOMPARE(normalisedPrompt("  Where\tIS \n my  Bin? "), std::string("where is my bin?"));
    QCOMPARE(normalisedPrompt("Cafe\xCC\x81"), normalisedPrompt("CAF\xC3\x89"));     // e + acute = É, folded
    QCOMPARE(normalisedPrompt("stra\xC3\x9F" "e"), std::string("strasse"));
    QVERIFY(!normalisedPrompt("a\xFF" "b").empty());
    const Json v1 = Json::parse(R"([{"role":"system","content":"one"},{"role":"user","content":"Hello  there"}])");
    const Json v2 = Json::parse(R"([{"role":"system","content":"two"},{"role":"user","content":"hello there"}])");
    QCOMPARE(promptKey(v1), promptKey(v2));                                          // another prompt version is the same prompt
  }

  void shinglesAreWordsCharactersOrCjk() {
    QCOMPARE(shingles("a b c d e f g").size(), std::size_t{3});
    QCOMPARE(shingles("abcdefg").size(), std::size_t{3});
    QCOMPARE(shingles("abc").size(), std::size_t{1});
    QCOMPARE(shingles("").size(), std::size_t{1});
    std::string cjk;
    for (int i = 0; i < 20; ++i) cjk += std::string("\xE4\xB8") + static_cast<char>(0x80 + i);
    QCOMPARE(shingles(cjk).size(), std::size_t{8});                                  // 20 - 13 + 1
    QCOMPARE(shingles("the bin, the bin!"), shingles("the bin, the bin!"));
  }

  void findsNearDuplicates() {
    // One changed word of 120 leaves 111 of 121 shingles: found with near certainty. Half the words changed: never.
    Random random(3);
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i) {
      const std::string base = text(random, 120);
      std::string near = base;
      const auto at = near.find(' ', near.size() / 2);
      near.replace(at + 1, near.find(' ', at + 1) - at - 1, "changed");
      QVERIFY(jaccard(base, near) > 0.88);
      texts.push_back(base);
      texts.push_back(near);
    }
    const auto groups = groupPrompts(texts, {}).value();
    QCOMPARE(groups.duplicates, std::size_t{0});
    int together = 0;
    for (std::size_t i = 0; i < texts.size(); i += 2) together += groups.groupOf[i] == groups.groupOf[i + 1];
    QVERIFY2(together >= 198, std::to_string(together).c_str());
    std::set<std::uint32_t> distinct(groups.groupOf.begin(), groups.groupOf.end());
    QVERIFY(distinct.size() >= 200);
    QVERIFY(groups.cutBack.empty());
  }

  void orderOfRowsDoesNotMatter() {
    Random random(4);
    std::vector<std::string> texts;
    for (int i = 0; i < 60; ++i) texts.push_back(text(random, 30));
    texts.push_back(texts[0]);
    texts.push_back(texts[1] + " end");
    const auto a = groupPrompts(texts, {}).value();
    std::vector<std::string> reversed(texts.rbegin(), texts.rend());
    const auto b = groupPrompts(reversed, {}).value();
    for (std::size_t i = 0; i < texts.size(); ++i) QCOMPARE(a.names[a.groupOf[i]], b.names[b.groupOf[texts.size() - 1 - i]]);
    QCOMPARE(a.groupOf[60], a.groupOf[0]);
    QCOMPARE(a.duplicates, std::size_t{1});
  }

  void largeGroupsAreCutBack() {
    Random random(5);
    std::vector<std::string> texts;
    for (int i = 0; i < 300; ++i) texts.push_back(text(random, 40));
    const std::string form = text(random, 200);
    for (int i = 0; i < 60; ++i) texts.push_back(form + " n" + std::to_string(i % 30));   // each twice
    const auto groups = groupPrompts(texts, {}).value();
    QCOMPARE(groups.cutBack.size(), std::size_t{1});
    QCOMPARE(groups.groupOf[300], groups.groupOf[330]);                              // exact duplicates stay together
    QVERIFY(groups.groupOf[300] != groups.groupOf[301]);
  }

  void joinsByKey() {
    const auto groups = groupPrompts({"one two three four five six", "seven eight nine ten eleven twelve", "other words are here for sure", "and some more words of another kind"},
                                     {"c1", "c1", "", ""}).value();
    QCOMPARE(groups.groupOf[0], groups.groupOf[1]);
    QVERIFY(groups.groupOf[2] != groups.groupOf[3]);
  }

  void parsesSplits() {
    QCOMPARE(printSplit(parseSplit("80/10/10").value()), std::string("80/10/10"));
    QCOMPARE(printSplit(parseSplit("0.7/0.1/0.2").value()), std::string("0.7/0.1/0.2"));
    QCOMPARE(printSplit(parseSplit("time:2026-03-01,2026-03-08T12:00:00Z").value()), std::string("time:2026-03-01T00:00:00Z,2026-03-08T12:00:00Z"));
    for (const char* bad : {"", "80/20", "80/10/x", "0/50/50", "-1/1/1", "time:2026-03-01", "time:2026-03-08,2026-03-01", "time:x,y", "80/10/10/0", "nan/1/1"})
      QVERIFY2(!parseSplit(bad).ok(), bad);
  }

  void groupsNeverCross() {
    Random random(6);
    for (int round = 0; round < 50; ++round) {
      const std::size_t count = 1 + random.below(60);
      std::vector<std::string> names;
      std::vector<bool> golden;
      for (std::size_t g = 0; g < count; ++g) names.push_back("g" + std::to_string(g)), golden.push_back(random.chance(0.2));
      std::vector<SplitRow> rows;
      const std::size_t n = count + random.below(400);
      for (std::size_t i = 0; i < n; ++i) {
        SplitRow row{static_cast<std::uint32_t>(random.below(count)), std::nullopt};
        if (!random.chance(0.05)) row.timeUs = static_cast<std::int64_t>(random.below(1000));
        rows.push_back(row);
      }
      SplitSpec byTime;
      byTime.validationFromUs = 600, byTime.testFromUs = 800;
      for (const auto& spec : {SplitSpec{}, byTime}) {
        const auto result = splitRows(rows, names, golden, spec, 1 + static_cast<std::uint64_t>(round));
        QCOMPARE(result.parts.size(), rows.size());
        std::map<std::uint32_t, std::set<Part>> parts;
        for (std::size_t i = 0; i < n; ++i) {
          if (result.parts[i] == Part::dropped) continue;
          parts[rows[i].group].insert(result.parts[i]);
          if (golden[rows[i].group]) QCOMPARE(result.parts[i], Part::train);
          if (spec.isByTime()) QVERIFY(rows[i].timeUs && (*rows[i].timeUs < 600) == (result.parts[i] == Part::train));
        }
        for (const auto& [group, where] : parts) QCOMPARE(where.size(), std::size_t{1});
      }
    }
  }

  void sharesAreMet() {
    std::vector<std::string> names;
    std::vector<SplitRow> rows;
    for (std::uint32_t i = 0; i < 1000; ++i) names.push_back("g" + std::to_string(i)), rows.push_back({i, std::nullopt});
    const std::vector<bool> golden(1000);
    const auto count = [&](const SplitResult& r, Part part) { return std::count(r.parts.begin(), r.parts.end(), part); };
    const auto a = splitRows(rows, names, golden, {}, 1), b = splitRows(rows, names, golden, {}, 1), c = splitRows(rows, names, golden, {}, 2);
    QCOMPARE(count(a, Part::test), 100);
    QCOMPARE(count(a, Part::validation), 100);
    QVERIFY(a.parts == b.parts);
    QVERIFY(a.parts != c.parts);
  }
};

QTEST_APPLESS_MAIN(TestGroups)
#include "tst_groups.moc"
