// Filters: text to tree and back, errors that point, Bedrock's JSON, and the meaning of every operator on records.
#include <QTest>

#include "base/random.h"
#include "logs/filter.h"
#include "tests/core/logs/random_filter.h"

using namespace retort;
using namespace retort::logs;

namespace {

Record record(std::vector<std::pair<std::string, std::string>> metadata) {
  Record r;
  r.metadata = std::move(metadata);
  return r;
}

bool matches(std::string_view text, const Record& r) {
  const auto filter = parseFilter(text);
  if (!filter.ok()) qFatal("%s", filter.error().text().c_str());
  return RecordMatcher::create(*filter)->matches(r);
}

std::string canonical(std::string_view text) {
  const auto filter = parseFilter(text);
  return filter.ok() ? printFilter(*filter) : "error: " + filter.error().text();
}

}  // namespace

class TstFilter : public QObject {
  Q_OBJECT

 private slots:
  void canonicalText() {
    QCOMPARE(canonical(""), std::string(""));
    QCOMPARE(canonical("  env=\"prod\"  "), std::string("env = \"prod\""));
    QCOMPARE(canonical("a = \"1\" AND b != 2 or not c in (\"x\",\"y\")"), std::string("a = \"1\" and b != 2 or not c in (\"x\", \"y\")"));
    QCOMPARE(canonical("(a = 1 or b = 2) and c = 3"), std::string("(a = 1 or b = 2) and c = 3"));
    QCOMPARE(canonical("((a = 1))"), std::string("a = 1"));
    QCOMPARE(canonical("not (not a = 1)"), std::string("not not a = 1"));
    QCOMPARE(canonical("`a b` prefix \"x\" and `and` = \"\\u0041\""), std::string("`a b` prefix \"x\" and `and` = \"A\""));
    QCOMPARE(canonical("`tick``s` = \"q\\\"\\n\""), std::string("`tick``s` = \"q\\\"\\n\""));
    QCOMPARE(canonical("exists(team) missing(absent)"), std::string("exists(team) missing(absent)"));
    QCOMPARE(canonical("a != 1 missing(differs)"), std::string("a != 1"));
    QCOMPARE(canonical("missing(absent)"), std::string("missing(absent)"));
    QCOMPARE(canonical("@time between \"2025-01-01\" and \"2025-02-01T00:00:00Z\""), std::string("@time between \"2025-01-01\" and \"2025-02-01T00:00:00Z\""));
    QCOMPARE(canonical("@latency <= 1.5e3 and @text regex \"ref(und|us)\""), std::string("@latency <= 1.5e3 and @text regex \"ref(und|us)\""));
    QCOMPARE(canonical("label.gold = \"x\" and prompt-version = 3"), std::string("label.gold = \"x\" and prompt-version = 3"));
  }

  void errorsPointAndAdvise_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("where");
    QTest::addColumn<QString>("says");
    QTest::newRow("bare value") << "env = prod" << "character 7" << "double quotes: \"prod\"";
    QTest::newRow("single quotes") << "env = 'prod'" << "character 7" << "double quotes";
    QTest::newRow("unknown field") << "@modle = \"x\"" << "character 1" << "Did you mean @model?";
    QTest::newRow("open bracket") << "(a = 1" << "at the end" << "\")\" is expected";
    QTest::newRow("close bracket") << "a = 1)" << "character 6" << "no partner";
    QTest::newRow("open quote") << "a = \"x" << "character 5" << "closing quote";
    QTest::newRow("double ampersand") << "a = 1 && b = 2" << "character 7" << "Write and";
    QTest::newRow("keyword") << "in = 1" << "character 1" << "`in`";
    QTest::newRow("no operator") << "env \"prod\"" << "character 5" << "operator is expected";
    QTest::newRow("misspelt operator") << "env contain \"x\"" << "character 5" << "Did you mean contains?";
    QTest::newRow("order needs number") << "tokens < \"many\"" << "character 10" << "number is expected";
    QTest::newRow("time") << "@time > \"yesterday\"" << "character 9" << "2025-01-31";
    QTest::newRow("flag") << "@flags = \"partal\"" << "character 10" << "Did you mean \"partial\"?";
    QTest::newRow("text takes no =") << "@text = \"x\"" << "character 7" << "contains regex";
    QTest::newRow("regex") << "a regex \"(x\"" << "character 9" << "regular expression";
    QTest::newRow("number") << "a = 12x" << "character 5" << "no number";
    QTest::newRow("between") << "a between 1 or 2" << "character 13" << "second value";
    QTest::newRow("umlauts count as one") << "`\u00e4\u00f6` = x" << "character 8" << "double quotes";
    QTest::newRow("missing word") << "a != 1 missing(maybe)" << "character 16" << "differs or absent";
    QTest::newRow("trailing") << "a = 1 b = 2" << "character 7" << "and / or";
  }
  void errorsPointAndAdvise() {
    QFETCH(QString, text);
    QFETCH(QString, where);
    QFETCH(QString, says);
    const auto filter = parseFilter(text.toStdString());
    QVERIFY(!filter.ok());
    QCOMPARE(QString::fromStdString(filter.error().where), where);
    const QString all = QString::fromStdString(filter.error().text());
    QVERIFY2(all.contains(says), qPrintable(all));
    QVERIFY(QString::fromStdString(filter.error().detail).endsWith('^'));
  }

  void deepNestingIsRefused() {
    QVERIFY(!parseFilter(std::string(5000, '(') + "a = 1" + std::string(5000, ')')).ok());
    std::string nots;
    for (int i = 0; i < 5000; ++i) nots += "not ";
    QVERIFY(!parseFilter(nots + "a = 1").ok());
    QVERIFY(!parseFilter("a = \"\xff\"").ok());
  }

  void randomTreesComeBack() {
    Random random(11);
    for (int i = 0; i < 5000; ++i) {
      const Filter filter = randomFilter(random);
      const std::string text = printFilter(filter);
      const auto back = parseFilter(text);
      QVERIFY2(back.ok(), (text + ": " + (back.ok() ? "" : back.error().text())).c_str());
      QVERIFY2(*back == filter, text.c_str());
      QVERIFY(!filterInWords(filter).empty());
    }
  }

  void bedrockTruthTable_data() {
    QTest::addColumn<int>("record");   // 0 same value, 1 other value, 2 empty string, 3 key absent, 4 no map at all
    QTest::addColumn<bool>("equals");
    QTest::addColumn<bool>("notOn");
    QTest::addColumn<bool>("notOff");
    QTest::newRow("same") << 0 << true << false << false;
    QTest::newRow("other") << 1 << false << true << true;
    QTest::newRow("empty") << 2 << false << true << true;
    QTest::newRow("key absent") << 3 << false << true << false;
    QTest::newRow("map absent") << 4 << false << true << false;
  }
  void bedrockTruthTable() {
    QFETCH(int, record);
    QFETCH(bool, equals);
    QFETCH(bool, notOn);
    QFETCH(bool, notOff);
    const Record records[] = {::record({{"k", "v"}}), ::record({{"k", "V"}}), ::record({{"k", ""}}), ::record({{"other", "v"}}), ::record({})};
    const Record& r = records[record];
    auto eq = filterFromBedrock(R"({"equals":{"k":"v"}})");
    auto ne = filterFromBedrock(R"({"requestMetadataFilters":{"notEquals":{"k":"v"}}})");
    QVERIFY(eq.ok() && ne.ok());
    QCOMPARE(RecordMatcher::create(*eq)->matches(r), equals);
    QCOMPARE(RecordMatcher::create(*ne)->matches(r), notOn);
    ne->missing = Missing::absent;
    QCOMPARE(RecordMatcher::create(*ne)->matches(r), notOff);
    // not k = v never follows the toggle; lists combine as their names say
    QCOMPARE(matches("not k = \"v\" missing(absent)", r), !equals);
    QCOMPARE(RecordMatcher::create(*filterFromBedrock(R"({"andAll":[{"equals":{"k":"v"}},{"notEquals":{"x":"y"}}]})"))->matches(r), equals);
    QCOMPARE(RecordMatcher::create(*filterFromBedrock(R"({"orAll":[{"equals":{"k":"v"}},{"notEquals":{"k":"v"}}]})"))->matches(r), equals || notOn);
    QCOMPARE(RecordMatcher::create(*filterFromBedrock(R"({"andAll":[{"equals":{"k":"v"},"notEquals":{"k":"v"}}]})"))->matches(r), false);
  }

  void bedrockJsonComesBack() {
    for (const std::string text : {R"({"equals":{"app":"citydesk"}})", R"({"notEquals":{"env":""}})", R"({"andAll":[{"equals":{"a":"1"}},{"notEquals":{"b c":"x/y"}}]})",
                                   R"({"orAll":[{"equals":{"a":"1"}},{"equals":{"a":"2"}}]})"}) {
      const auto filter = filterFromBedrock(text);
      QVERIFY2(filter.ok(), text.c_str());
      const auto json = filterToBedrock(*filter);
      QVERIFY(json.ok());
      QCOMPARE(dumpJson(*json), text);
      QVERIFY(*parseFilter(printFilter(*filter)) == *filter);
    }
  }

  void bedrockRefuses_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("says");
    QTest::newRow("duplicate members") << R"({"equals":{"a":"1"},"equals":{"b":"2"}})" << "andAll";
    QTest::newRow("two keys") << R"({"equals":{"a":"1","b":"2"}})" << "exactly one key";
    QTest::newRow("nesting") << R"({"andAll":[{"orAll":[{"equals":{"a":"1"}}]}]})" << "unknown here";
    QTest::newRow("empty list") << R"({"andAll":[]})" << "1 to 16";
    QTest::newRow("list and base") << R"({"andAll":[{"equals":{"a":"1"}}],"equals":{"a":"1"}})" << "beside";
    QTest::newRow("hash") << R"({"equals":{"a#":"1"}})" << "does not allow";
    QTest::newRow("comma") << R"({"equals":{"a":"1,2"}})" << "does not allow";
    QTest::newRow("number") << R"({"equals":{"a":1}})" << "no text";
    QTest::newRow("misspelt") << R"({"equal":{"a":"1"}})" << "Did you mean equals?";
    QTest::newRow("array") << R"([])" << "object";
    QTest::newRow("cut") << R"({"equals":)" << "";
  }
  void bedrockRefuses() {
    QFETCH(QString, text);
    QFETCH(QString, says);
    const auto filter = filterFromBedrock(text.toStdString());
    QVERIFY(!filter.ok());
    QVERIFY2(QString::fromStdString(filter.error().text()).contains(says), filter.error().text().c_str());
  }

  void bedrockListLimits() {
    Json list = Json::array();
    for (int i = 0; i < 17; ++i) list.push_back({{"equals", {{"k" + std::to_string(i), "v"}}}});
    QVERIFY(!filterFromBedrock(dumpJson({{"orAll", list}})).ok());
    list.erase(16);
    QVERIFY(filterFromBedrock(dumpJson({{"orAll", list}})).ok());
    QVERIFY(filterFromBedrock(dumpJson({{"equals", {{"k", std::string(256, 'x')}}}})).ok());
    QVERIFY(!filterFromBedrock(dumpJson({{"equals", {{"k", std::string(257, 'x')}}}})).ok());
  }

  void exportNamesTheClause_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("clause");
    QTest::newRow("built-in") << "a = \"1\" and @model = \"m\"" << "@model = \"m\"";
    QTest::newRow("operator") << "a = \"1\" and b prefix \"x\"" << "b prefix \"x\"";
    QTest::newRow("mixed") << "a = \"1\" and (b = \"2\" or c = \"3\")" << "b = \"2\" or c = \"3\"";
    QTest::newRow("not") << "not a = \"1\"" << "not a = \"1\"";
    QTest::newRow("characters") << "a = \"x#y\"" << "a = \"x#y\"";
    QTest::newRow("all") << "" << "";
  }
  void exportNamesTheClause() {
    QFETCH(QString, text);
    QFETCH(QString, clause);
    const auto json = filterToBedrock(*parseFilter(text.toStdString()));
    QVERIFY(!json.ok());
    QCOMPARE(QString::fromStdString(json.error().where), clause);
  }

  void operatorsOnMetadata() {
    const Record r = record({{"n", "12.50"}, {"name", "Ärger \"x\""}, {"zero", ""}, {"word", "12x"}});
    QVERIFY(matches("n < 13 and n >= 12.5 and n between 12.5 and 12.5 and n > -1", r));
    QVERIFY(!matches("n = 12.5", r));            // = compares text, exactly
    QVERIFY(matches("n = \"12.50\"", r));
    QVERIFY(!matches("word < 13 or word > 1 or word between 0 and 99", r));   // no number is missing
    QVERIFY(!matches("zero < 1", r));
    QVERIFY(matches("exists(zero) and zero = \"\"", r));
    QVERIFY(matches("name contains \"rger\" and name prefix \"Ä\" and name regex \"^Ä.*x.$\"", r));
    QVERIFY(!matches("name contains \"ärger\"", r));
    QVERIFY(matches("name regex \"(?i)ÄRGER\"", r));
    QVERIFY(matches("n in (\"1\", \"12.50\")", r));
    QVERIFY(!matches("exists(gone) or gone = \"\" or gone contains \"\"", r));
    QVERIFY(matches("gone != \"\" and not exists(gone)", r));
  }

  void operatorsOnBuiltIns() {
    Record r;
    r.timeUs = 1'740'830'400'000'000;            // 2025-03-01T12:00:00Z
    r.model = "amazon.nova-lite-v1:0";
    r.modelRaw = "us.amazon.nova-lite-v1:0";
    r.status = "ok";
    r.stop = "length";
    r.inputTokens = 100;
    r.turns = 2;
    r.flags = kPartial | kUuid;
    r.messages.push_back({{"role", "user"}, {"content", "Where is my refund?"}});
    QVERIFY(matches("@time >= \"2025-03-01\" and @time < \"2025-03-02\" and @time = \"2025-03-01T13:00:00+01:00\"", r));
    QVERIFY(matches("@model = \"amazon.nova-lite-v1:0\" and @model.raw prefix \"us.\" and @stop = \"length\"", r));
    QVERIFY(matches("@input_tokens between 100 and 100 and @turns = 2", r));
    QVERIFY(!matches("@latency < 100000 or @latency >= 0 or exists(@latency)", r));   // unknown is not 0
    QVERIFY(matches("@latency != 5 and not @latency = 5", r));
    QVERIFY(!matches("@latency != 5 missing(absent)", r));
    QVERIFY(matches("@flags = \"partial\" and @flags != \"repaired\" and exists(@flags)", r));
    QVERIFY(matches("@text contains \"refund\" and @text regex \"re.und\"", r));
    QVERIFY(!matches("exists(@region)", r));
  }

  void words() {
    QCOMPARE(filterInWords(*parseFilter("")), std::string("all records"));
    QCOMPARE(filterInWords(*parseFilter("env = \"prod\" and @model != \"x\"")), std::string("env is \"prod\", and the model is not \"x\" (or there is none)"));
    QCOMPARE(filterInWords(*parseFilter("not (a = 1 or b in (1,2))")), std::string("it is not so that (any of: a is 1, or b is one of 1, 2)"));
  }

  void decimals() {
    QVERIFY(decimalOf("-2.5") == -2.5 && decimalOf("1e3") == 1000.0 && decimalOf("007") == 7.0);
    for (const char* text : {"", " 1", "1 ", "0x1", "nan", "inf", "-inf", "1,5", "1e999", "--1", "+1"}) QVERIFY2(!decimalOf(text), text);
  }
};

QTEST_GUILESS_MAIN(TstFilter)
#include "tst_filter.moc"
