// Searches: the quick looks at bytes against the slow and plain ones, and everything against a separate program in Python.
#include <QProcess>

#include "base/random.h"
#include "logs/byte_search.h"
#include "logs/call.h"
#include "logs/generate.h"
#include "logs/line_filter.h"
#include "logs/line_text.h"
#include "logs/search.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

std::string pick(Random& random, std::initializer_list<const char*> list) { return *(list.begin() + random.below(list.size())); }

/// The inside of a JSON string with everything that JSON can write in more than one way.
std::string words(Random& random) {
  std::string text;
  for (auto n = random.below(12); n > 0; --n)
    text += pick(random, {"refund", "Refund", "order", "4711", "17", " ", " ", " ", "\\n", "\\t", "\\\"", "\\\\", "\\/", "/", "\xC3\xA9", "\\u00e9", "\\u00E9", "\\u0041", "A", "\\ud83d\\ude00",
                          "\xF0\x9F\x98\x80", "\\u0000", "\\u001b", "cafe", "(", ")", "{\\\"a\\\":1}", ",", ":", "\xE6\x97\xA5\xE6\x9C\xAC", "\\u65e5", "kelvin", "S", "\\b"});
  return text;
}

std::string blank(Random& random) { return random.chance(0.1) ? " " : ""; }
std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string toolInput(Random& random) { return pick(random, {R"({"city": "Caf\u00e9 4711", "n": [1, 2]})", R"({"x":1.50,"y":1e3})", R"({})", R"({"a" : {"b":"re\nfund"}})"}); }

std::string converseContent(Random& random, bool isAnswer) {
  std::string list;
  const auto add = [&](const std::string& block) { list += (list.empty() ? "" : "," + blank(random)) + block; };
  for (auto n = random.below(3); n > 0; --n) add("{" + blank(random) + R"("text":)" + blank(random) + quoted(words(random)) + "}");
  if (random.chance(0.1)) add(R"({"toolUse":{"toolUseId":"t","name":"look","input":)" + toolInput(random) + "}}");
  if (!isAnswer && random.chance(0.1)) add(R"({"toolResult":{"toolUseId":"t","content":[{"text":)" + quoted(words(random)) + R"(},{"json":)" + toolInput(random) + "}]}}");
  if (!isAnswer && random.chance(0.05)) add(R"({"cachePoint":{"type":"default"}})");
  return "[" + list + "]";
}

std::string claudeContent(Random& random, bool isAnswer) {
  if (!isAnswer && random.chance(0.5)) return quoted(words(random));
  std::string list;
  const auto add = [&](const std::string& block) { list += (list.empty() ? "" : ",") + block; };
  for (auto n = random.below(3); n > 0; --n)
    add(random.chance(0.5) ? R"({"type":"text","text":)" + quoted(words(random)) + "}" : R"({"text":)" + quoted(words(random)) + R"(,"type":"text","cache_control":{"type":"ephemeral"}})");
  if (random.chance(0.1)) add(R"({"type":"tool_use","id":"t","name":"look","input":)" + toolInput(random) + "}");
  return "[" + list + "]";
}

std::string messages(Random& random, const std::function<std::string()>& content) {
  std::string list;
  for (auto n = 1 + random.below(3); n > 0; --n) {
    const std::string role = R"("role":"user")", body = R"("content":)" + content();
    list += (list.empty() ? "{" : ",{") + (random.chance(0.8) ? role + "," + body : body + "," + role) + "}";
  }
  return R"("messages":[)" + list + "]";
}

/// A record of Converse or of Claude, whole or as a stream, its members in changing order.
std::string searchedLine(Random& random, int n) {
  const bool isConverse = random.chance(0.5), isStream = random.chance(0.15);
  const auto content = [&] { return isConverse ? converseContent(random, false) : claudeContent(random, false); };
  std::string system, chat = messages(random, content), answer;
  if (random.chance(0.5)) system = R"("system":)" + (isConverse || random.chance(0.3) ? "[{\"text\":" + quoted(words(random)) + "},{\"text\":" + quoted(words(random)) + "}]" : quoted(words(random)));
  std::string request = system.empty() ? chat : random.chance(0.5) ? system + "," + chat : chat + "," + system;
  if (random.chance(0.3)) request = R"("max_tokens":512,)" + request;
  if (isStream && isConverse)
    answer = R"([{"messageStart":{"role":"assistant"}},{"contentBlockDelta":{"delta":{"text":"re"},"contentBlockIndex":0}},{"contentBlockDelta":{"delta":{"text":"fund )" + words(random) + R"("},"contentBlockIndex":0}},{"messageStop":{"stopReason":"end_turn"}}])";
  else if (isStream)
    answer = R"([{"type":"message_start","message":{}},{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"re"}},{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"fund )" + words(random) + R"("}},{"type":"message_stop"}])";
  else if (isConverse)
    answer = R"({"output":{"message":{"role":"assistant","content":)" + converseContent(random, true) + R"(}},"stopReason":"end_turn"})";
  else
    answer = R"({"id":"m","type":"message","role":"assistant","content":)" + claudeContent(random, true) + R"(,"stop_reason":"end_turn","usage":{"input_tokens":3}})";
  std::string line = R"({"schemaType":"ModelInvocationLog","timestamp":"2026-03-02T06:00:01Z","requestId":")" + uuid(n) + R"(","operation":")" + (isConverse ? "Converse" : "InvokeModel") + R"(","modelId":"m.x","requestMetadata":{"note":")" + words(random) + R"("},)";
  return line + R"("input":{"inputBodyJson":{)" + request + R"(},"inputTokenCount":4711},"output":{"outputBodyJson":)" + answer + "}}";
}

std::string bedrockLines(std::uint64_t seed, int n) {
  Random random(seed);
  std::string text;
  for (int i = 0; i < n; ++i) text += searchedLine(random, i) + "\n";
  return text;
}

std::string padded(std::string_view line) { return std::string(line) + std::string(64, '"'); }

}  // namespace

class TstSearch : public QObject {
  Q_OBJECT

 private slots:
  void bytesAreFoundWhereTheyAre() {
    Random random(1);
    for (int round = 0; round < 3000; ++round) {
      std::string text;
      for (auto n = random.below(400); n > 0; --n) text += "abcA Bk\\u0\xC3"[random.below(10)];
      std::string needle;
      for (auto n = 1 + random.below(6); n > 0; --n) needle += "abcA Bk\\u0\xC3"[random.below(10)];
      const auto from = random.below(text.size() + 2);
      QCOMPARE(ByteSearch(needle).find(text, from), text.find(needle, from));
      QCOMPARE(ByteSearch(needle, true).find(text, from), lowerAscii(text).find(lowerAscii(needle), from));
    }
  }

  void requiredTextsOfExpressions_data() {
    QTest::addColumn<QString>("expression");
    QTest::addColumn<QString>("texts");
    for (const auto& [expression, texts] : {std::pair{"refund [0-9]+", "refund "}, {"user.*refund", "refund"}, {"a?bc+d{0,2}ef", "bc"}, {"ab{2}c", "ab"}, {"colou?r", "colo"}, {"cat|dogs", "cat|dogs"}, {"cat|[a-z]+", ""},
                                            {"(?i)refund|cancel", "i:refund|cancel"}, {"(?i)ask", "i:a"}, {"(?i)sks", ""}, {"x(abc|def)yz", "yz"}, {"(abc)?", ""}, {"\\bword\\b", "word"}, {"a\\.b", "a.b"}, {"\\x41bc", ""}, {"\\Qa.b\\E", ""},
                                            {"(?=abc)", ""}, {"[abc]", ""}, {"[]x]yz", "yz"}, {"[^\\]]yz", "yz"}, {"abc{,3}d", "ab"}, {"abc{ 0, 3 }d", "ab"}, {"", ""}, {"a|", ""}, {"\\d+ items", " items"}, {"caf\u00e9s", "caf\u00e9s"}, {"ab\u00e9*cde", "cde"}})
      QTest::newRow(expression) << QString::fromUtf8(expression) << QString::fromUtf8(texts);
  }
  void requiredTextsOfExpressions() {
    QFETCH(QString, expression);
    QFETCH(QString, texts);
    const auto required = requiredTexts(expression.toStdString());
    QCOMPARE(QString::fromStdString((required.ignoresCase && !required.anyOf.empty() ? "i:" : "") + join(required.anyOf, "|")), texts);
  }

  /// Where the quick reader says yes, it says what the parser says; and of plain records it says yes.
  void quickTextIsTheParsersText() {
    Random random(3);
    LineParser parser;
    Call call;
    ParseReject why{};
    DecodedText quick, slow;
    int taken = 0;
    constexpr int kLines = 4000;
    for (int i = 0; i < kLines; ++i) {
      const auto line = searchedLine(random, i);
      QVERIFY2(parser.parse(line, false, {}, call, why), (why.detail + ": " + line).c_str());
      slow.read(call);
      QCOMPARE(std::string(slow.text()), searchableText(std::move(call).toRecord()));
      const auto bytes = padded(line);
      if (!readLineText(std::string_view(bytes).substr(0, line.size()), quick)) continue;
      ++taken;
      QVERIFY2(quick.text() == slow.text() && quick.answer() == slow.answer(), line.c_str());
    }
    QVERIFY2(taken > kLines / 3, std::to_string(taken).c_str());
  }

  /// Lines that it must leave to the parser, or read no further than their end.
  void quickTextStopsAtTheStrange() {
    const auto plain = line(1);
    DecodedText text;
    auto bytes = padded(plain);
    QVERIFY(readLineText(std::string_view(bytes).substr(0, plain.size()), text));
    QCOMPARE(std::string(text.text()), std::string("Hello\nHi"));
    for (std::size_t cut = 0; cut < plain.size(); ++cut) {
      bytes = padded(std::string_view(plain).substr(0, cut));
      QVERIFY(!readLineText(std::string_view(bytes).substr(0, cut), text));
    }
    for (const auto& [from, to] : {std::pair<std::string, std::string>{R"("messages":)", R"("messages":[],"messages":)"}, {R"("messages":)", R"("inputText":"x","messages":)"}, {"ModelInvocationLog", "Other"},
                                   {R"("role":"user",)", ""}, {R"("text":)", R"("type":"image","text":)"}, {R"("text":)", R"("t\u0065xt":)"}, {R"([{"text":"Hi"}])", "7"}, {R"("stopReason")", R"("content":[],"stopReason")"}}) {
      std::string changed = plain;
      changed.replace(changed.find(from), from.size(), to);
      bytes = padded(changed);
      QVERIFY2(!readLineText(std::string_view(bytes).substr(0, changed.size()), text), changed.c_str());
    }
  }

  void searchesAgreeWithAnotherProgram() {
    const fs::path python = fs::path(qEnvironmentVariable("RETORT_SOURCE", ".").toStdString()) / "tests/core/logs/search_oracle.py";
    Place place;
    place.write("a.jsonl", bedrockLines(5, 3000));
    QVERIFY(place.import().ok());
    const auto store = *LogStore::open(place.db());
    Random random(6);
    std::string searches;
    std::vector<std::pair<std::string, bool>> all;          // as typed, raw
    const auto add = [&](const std::string& typed, bool isRaw) {
      std::string pattern;
      const bool isRegex = searchOptionsOf(typed, pattern).isRegex;
      all.emplace_back(typed, isRaw);
      searches += dumpJson(Json{{isRegex ? "regex" : "text", pattern}, {"raw", isRaw}}) + "\n";
    };
    for (int i = 0; i < 250; ++i) {                          // pieces of what stands there, so that most are found
      const bool isRaw = random.chance(0.3);
      const auto id = static_cast<std::uint32_t>(random.below(store->size()));
      const std::string text = isRaw ? *store->rawLine(id) : searchableText(*store->record(id));
      if (text.empty()) continue;
      auto from = random.below(text.size()), to = std::min(text.size(), from + 1 + random.below(12));
      while (from > 0 && (text[from] & 0xC0) == 0x80) --from;
      while (to < text.size() && (text[to] & 0xC0) == 0x80) ++to;
      if (text[from] != '/' && text[from] != '\\') add(text.substr(from, to - from), isRaw);
    }
    for (const char* typed : {"/refund [0-9]+/", "/order.*refund/", "/(?i)REFUND|ORDER/", "/\\b[a-z]+fund\\b/", "/^refund/", "/fund$/", "/[0-9]{4}/", "/look\\(/", "/caf\u00e9/", "/\\x00/", "/A{2}/", "/(?i)kelvin/", "/\u65e5|\u672c/", "/[^a-z]order\\n/", "/1000\\.0/", "/^$/", "/.*/",
                              "refund", "Caf\u00e9 4711", "1.5", "1000", "\":[1,2]", "look(", "})", "\n", "fund ", "\"b\":\"re\\nfund\""}) {
      add(typed, false);
      if (std::string_view(typed).find("\\x00") == std::string_view::npos) add(typed, true);
    }
    place.write("../searches.jsonl", searches);
    QProcess process;
    process.start("python3", {QString::fromStdString(python.string()), QString::fromStdString((place.root / "in/a.jsonl").string()), QString::fromStdString((place.root / "searches.jsonl").string())});
    QVERIFY2(process.waitForFinished(120'000) && process.exitCode() == 0, process.readAllStandardError().constData());
    const auto answers = process.readAllStandardOutput().split('\n');
    QVERIFY(answers.size() > static_cast<qsizetype>(all.size()));
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::string pattern, found;
      auto options = searchOptionsOf(all[i].first, pattern);
      options.isRaw = all[i].second;
      const auto summary = searchText(*store, {}, pattern, options, [&](const SearchHit& hit) {
        found += (found.empty() ? "" : " ") + std::to_string(hit.id);
        return true;
      });
      QVERIFY(summary.ok());
      QVERIFY2(found == answers[static_cast<qsizetype>(i)].toStdString(), (dumpJson(Json(all[i].first)) + (all[i].second ? " raw: " : ": ") + found + " / " + answers[static_cast<qsizetype>(i)].toStdString()).c_str());
      if (options.isRaw) continue;
      FilterNode test;
      test.kind = FilterNode::Kind::test;
      test.field = "@text";
      test.isBuiltIn = true;
      test.op = options.isRegex ? FilterOp::regex : FilterOp::contains;
      test.values = {{pattern, false}};
      QCOMPARE(*store->count({test, Missing::differs}), summary->hits);
    }
  }

  /// Every format that we read: what stands in a record's text is found in it, however its line spells it.
  void textsOfAllFormatsAreFound() {
    const fs::path fixtures = fs::path(qEnvironmentVariable("RETORT_SOURCE", ".").toStdString()) / "tests/fixtures/logs";
    Place place;
    for (const auto& entry : fs::directory_iterator(fixtures))
      if (entry.is_regular_file() && entry.path().filename() != "map.json") place.write(entry.path().filename().string(), *readFile(entry.path()));
    QVERIFY(place.import().ok());
    const auto store = *LogStore::open(place.db());
    QVERIFY2(store->size() > 25, std::to_string(store->size()).c_str());
    std::vector<std::string> texts;
    for (const auto id : store->universe().toVector()) texts.push_back(searchableText(*store->record(id)));
    Random random(9);
    for (int i = 0; i < 600; ++i) {
      const auto& text = texts[random.below(texts.size())];
      if (text.empty()) continue;
      auto from = random.below(text.size()), to = std::min(text.size(), from + 1 + random.below(10));
      while (from > 0 && (text[from] & 0xC0) == 0x80) --from;
      while (to < text.size() && (text[to] & 0xC0) == 0x80) ++to;
      const std::string what = text.substr(from, to - from);
      std::vector<std::uint32_t> found, want;
      QVERIFY(searchText(*store, {}, what, {}, [&](const SearchHit& hit) { return found.push_back(hit.id), true; }).ok());
      for (std::size_t n = 0; n < texts.size(); ++n)
        if (texts[n].find(what) != std::string::npos) want.push_back(static_cast<std::uint32_t>(n));
      QVERIFY2(found == want, what.c_str());
    }
  }

  void aStopIsNoticed() {
    Place place;
    place.write("a.jsonl", bedrockLines(8, 4000));
    QVERIFY(place.import().ok());
    const auto store = *LogStore::open(place.db());
    std::stop_source source;
    int hits = 0;
    const auto stopped = searchText(*store, {}, "e", {true, false}, [&](const SearchHit&) { return ++hits, source.request_stop(), true; }, source.get_token());
    QVERIFY(!stopped.ok());
    QVERIFY(hits < 2000);
    hits = 0;
    QVERIFY(searchText(*store, {}, "e", {}, [&](const SearchHit&) { return ++hits < 3; }).ok());
    QCOMPARE(hits, 3);
  }
};

QTEST_GUILESS_MAIN(TstSearch)
#include "tst_search.moc"
