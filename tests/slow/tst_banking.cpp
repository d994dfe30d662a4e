// The same line on messages that people wrote: BANKING77, a dozen intents, turned into a Bedrock invocation log by this test.
// $RETORT_BANKING_INTENTS (comma-separated) chooses another dozen; else the twelve most frequent of train.csv.
#include "flows/flow_tools.h"

#include <algorithm>
#include <fstream>
#include <map>

#include "base/clock.h"
#include "base/format.h"

using namespace retort;

namespace {

struct Question {
  std::string text, intent;
};

/// text,category with RFC 4180 quotes; texts may hold newlines.
std::vector<Question> readCsv(const fs::path& file) {
  const std::string text = readFile(file).value();
  std::vector<std::vector<std::string>> rows(1, {""});
  bool inQuotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inQuotes) {
      if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') rows.back().back() += '"', ++i;
      else if (c == '"') inQuotes = false;
      else rows.back().back() += c;
    } else if (c == '"') inQuotes = true;
    else if (c == ',') rows.back().emplace_back();
    else if (c == '\n') rows.push_back({""});
    else if (c != '\r') rows.back().back() += c;
  }
  std::vector<Question> out;
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i].size() == 2) out.push_back({rows[i][0], rows[i][1]});
  return out;
}

std::string requestId(int number) {
  char id[40];
  std::snprintf(id, sizeof id, "%08x-0000-4000-8000-%012x", number, number);
  return id;
}

Json record(const Question& q, int number, std::int64_t timeMicros) {
  return {{"schemaType", "ModelInvocationLog"}, {"schemaVersion", "1.0"}, {"timestamp", isoUtc(timeMicros)}, {"accountId", "123456789012"}, {"region", "eu-west-1"}, {"requestId", requestId(number)},
          {"operation", "Converse"}, {"modelId", "example.router-v1:0"}, {"requestMetadata", {{"app", "bank"}}},
          {"input", {{"inputContentType", "application/json"}, {"inputBodyJson", {{"messages", {{{"role", "user"}, {"content", {{{"text", q.text}}}}}}}}}, {"inputTokenCount", 12}}},
          {"output", {{"outputContentType", "application/json"},
                      {"outputBodyJson", {{"output", {{"message", {{"role", "assistant"}, {"content", {{{"text", q.intent}}}}}}}}, {"stopReason", "end_turn"}, {"usage", {{"inputTokens", 12}, {"outputTokens", 4}}}}},
                      {"outputTokenCount", 4}}}};
}

}  // namespace

class TestBanking : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;

 private Q_SLOTS:
  void studentIsNearItsTeacher() {
    const fs::path data = flow::testData() / "banking77";
    if (!fs::exists(data / "train.csv")) QSKIP("shared/data/banking77 is absent");
    const auto train = readCsv(data / "train.csv"), test = readCsv(data / "test.csv");
    std::map<std::string, int> counts;
    for (const auto& q : train) ++counts[q.intent];
    std::vector<std::string> intents;
    if (const char* given = std::getenv("RETORT_BANKING_INTENTS")) {
      for (const auto part : splitView(given, ',')) intents.emplace_back(part);
    } else {
      std::vector<std::pair<int, std::string>> ranked;
      for (const auto& [intent, n] : counts) ranked.emplace_back(-n, intent);
      std::sort(ranked.begin(), ranked.end());
      for (std::size_t i = 0; i < 12; ++i) intents.push_back(ranked[i].second);
    }
    const auto chosen = [&](const Question& q) { return std::find(intents.begin(), intents.end(), q.intent) != intents.end(); };

    const fs::path root = m_dir.path().toStdString();
    std::ofstream log(root / "bank.jsonl"), golden(root / "golden.jsonl"), labels(root / "labels.jsonl");
    const std::int64_t start = parseIsoTime("2026-01-01").value(), later = parseIsoTime("2026-02-01").value();
    int number = 0, trainRows = 0, testRows = 0;
    for (const auto& q : train) {
      if (!chosen(q)) continue;
      // Every other training message is a golden example; the teacher answers the rest.
      const bool isGolden = trainRows++ % 2 == 0;
      ++number;
      log << dumpJson(record(q, number, start + number * 1'000'000LL)) << "\n";
      if (isGolden)
        golden << dumpJson({{"request_id", requestId(number)}, {"messages", {{{"role", "user"}, {"content", q.text}}, {{"role", "assistant"}, {"content", q.intent}}}}}) << "\n";
      labels << dumpJson({{"request_id", requestId(number)}, {"label", q.intent}}) << "\n";
    }
    for (const auto& q : test) {
      if (!chosen(q)) continue;
      ++testRows;
      ++number;
      log << dumpJson(record(q, number, later + number * 1'000'000LL)) << "\n";
      labels << dumpJson({{"request_id", requestId(number)}, {"label", q.intent}}) << "\n";
    }
    log.close(), golden.close(), labels.close();
    qInfo("%d training and %d test messages of %zu intents", trainRows, testRows, intents.size());

    int code = -1;
    const double began = monotonicSeconds();
    const Json summary = flow::cliJson({"-w", (root / "w").string(), "demo", "--logs", (root / "bank.jsonl").string(), "--golden", (root / "golden.jsonl").string(), "--references",
                                        (root / "labels.jsonl").string(), "--split", "time:2026-01-31,2026-02-01"}, &code);
    QCOMPARE(code, 0);
    const double teacher = summary["teacher"]["accuracy"], student = summary["student"]["accuracy"], base = summary["base"]["accuracy"];
    qInfo("BANKING77: teacher %.3f, base %.3f, student %.3f on %d rows, speed-up %.2f, %.0f s", teacher, base, student, summary["rows"].get<int>(), summary["speedup_p50"].get<double>(), monotonicSeconds() - began);
    const double allowed = std::getenv("RETORT_BANKING_INTENTS") ? 0.05 : 0.04;
    QVERIFY(student >= teacher - allowed);
    QVERIFY(teacher > 0.8);
    for (const auto& e : summary["exports"]) QVERIFY(e["verified"].get<bool>());
  }
};

QTEST_GUILESS_MAIN(TestBanking)
#include "tst_banking.moc"
