// The sample generator: equal bytes for equal seeds, bodies that our own parser reads, a manifest that says exactly what is bad, and a
// task that a bag of words cannot solve.
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>
#include <zlib.h>

#include <cmath>
#include <map>
#include <set>

#include "base/files.h"
#include "base/format.h"
#include "base/json.h"
#include "logs/call.h"
#include "logs/generate.h"
#include "logs/generate_desk.h"
#include "logs/generate_record.h"
#include "logs/importer.h"
#include "logs/log_store.h"

using namespace retort;
using namespace retort::logs;

namespace {

/// Everything that can be inflated, over all gzip members.
std::string inflated(const std::string& packed) {
  std::string out;
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string chunk(1 << 16, '\0');
  while (stream.avail_in > 0) {
    int code = Z_OK;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream.avail_out = static_cast<uInt>(chunk.size());
      code = inflate(&stream, Z_NO_FLUSH);
      out.append(chunk, 0, chunk.size() - stream.avail_out);
    } while (code == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
    if (code != Z_STREAM_END) break;
    inflateReset(&stream);
  }
  inflateEnd(&stream);
  return out;
}

std::vector<Json> jsonLines(const fs::path& file) {
  std::vector<Json> out;
  const std::string text = readFile(file).value();
  for (const auto line : splitView(text, '\n'))
    if (!line.empty()) out.push_back(parseJson(line, file.string()).value());
  return out;
}

std::vector<std::string> textLines(const fs::path& file) {
  std::vector<std::string> out;
  const std::string text = readFile(file).value();
  for (const auto line : splitView(text, '\n')) out.emplace_back(line);
  return out;
}

std::map<std::string, std::string> treeFiles(const fs::path& root) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file()) out[fs::relative(entry.path(), root).string()] = readFile(entry.path()).value();
  return out;
}

using Rejected = std::tuple<std::string, std::int64_t, std::int64_t, std::string>;

/// Softmax regression on normalised TF-IDF of lower-case words: what can be said without looking at the order of the words.
class BagOfWords {
 public:
  using Bag = std::vector<std::pair<std::size_t, double>>;
  explicit BagOfWords(std::size_t classes) : m_classes(classes) {}

  void learn(const std::vector<DeskMessage>& messages) {
    for (const auto& m : messages)
      for (const auto& word : wordsOf(m.text)) m_seen[word] += 1;
    for (const auto& [word, count] : m_seen) m_index.emplace(word, std::pair{m_index.size(), std::log(static_cast<double>(messages.size()) / count) + 1});
    m_weights.assign((m_index.size() + 1) * m_classes, 0);
    std::vector<Bag> bags;
    for (const auto& m : messages) bags.push_back(bagOf(m.text));
    std::vector<std::size_t> order(messages.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    Random random(5);
    for (int epoch = 0; epoch < 60; ++epoch) {
      random.shuffle(order);
      const double rate = 2.0 / (1 + 0.1 * epoch);
      for (const std::size_t i : order) {
        auto p = probabilities(bags[i]);
        p[static_cast<std::size_t>(messages[i].kind)] -= 1;
        for (const auto& [word, value] : bags[i])
          for (std::size_t c = 0; c < m_classes; ++c) m_weights[word * m_classes + c] -= rate * value * p[c];
      }
    }
  }
  std::size_t guess(const std::string& text) const {
    const auto p = probabilities(bagOf(text));
    return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
  }

 private:
  static std::set<std::string> wordsOf(const std::string& text) {
    std::set<std::string> words;
    std::string word;
    for (const char c : lowerAscii(text) + " ") {
      if (std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80)) word += c;
      else if (!word.empty()) words.insert(std::exchange(word, {}));
    }
    return words;
  }
  Bag bagOf(const std::string& text) const {
    Bag bag;
    double norm = 0;
    for (const auto& word : wordsOf(text))
      if (const auto it = m_index.find(word); it != m_index.end()) bag.emplace_back(it->second), norm += it->second.second * it->second.second;
    for (auto& entry : bag) entry.second /= std::sqrt(norm);
    bag.emplace_back(m_index.size(), 0.3);  // the bias
    return bag;
  }
  std::vector<double> probabilities(const Bag& bag) const {
    std::vector<double> p(m_classes);
    for (const auto& [word, value] : bag)
      for (std::size_t c = 0; c < m_classes; ++c) p[c] += m_weights[word * m_classes + c] * value;
    const double top = *std::max_element(p.begin(), p.end());
    double sum = 0;
    for (auto& x : p) sum += x = std::exp(x - top);
    for (auto& x : p) x /= sum;
    return p;
  }
  std::size_t m_classes;
  std::map<std::string, double> m_seen;
  std::map<std::string, std::pair<std::size_t, double>> m_index;
  std::vector<double> m_weights;
};

}  // namespace

class TestGenerate : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path folder() const { return m_dir.path().toStdString(); }

  GenerateResult make(const fs::path& out, const GenerateOptions& options) {
    const auto result = generateLogs(out, options);
    if (!result.ok()) qFatal("%s", result.error().text().c_str());
    return *result;
  }

 private Q_SLOTS:
  void equalSeedsGiveEqualBytes() {
    GenerateOptions options;
    options.records = 400;
    options.seed = 3;
    options.isTree = true;
    options.dirty = 0.1;
    const auto a = make(folder() / "a" / "logs", options), b = make(folder() / "b" / "logs", options);
    QCOMPARE(a.sha256, b.sha256);
    QVERIFY(treeFiles(folder() / "a") == treeFiles(folder() / "b"));   // trees and side files
    options.seed = 4;
    QVERIFY(make(folder() / "c", options).sha256 != a.sha256);
    QVERIFY(!generateLogs(folder() / "c", options).ok());              // nothing is replaced
    // The same bytes on every machine: a change of this figure changes every sample project.
    GenerateOptions fixed;
    fixed.records = 50;
    fixed.seed = 1;
    const auto file = make(folder() / "fixed.jsonl", fixed);
    QCOMPARE(file.lines, 50);
    QCOMPARE(file.sha256, std::string("581529a73442a35704b6e8c4ce08f257761c0d8fa0050c37bb80c64dc1391529"));
    QCOMPARE(readFile(folder() / "fixed.jsonl").value().size(), static_cast<std::size_t>(file.bytes));
  }

  void layoutIsBedrocks() {
    GenerateOptions options;
    options.records = 300;
    options.isTree = true;
    const auto result = make(folder() / "layout", options);
    std::int64_t logs = 0, spills = 0, markers = 0;
    const QRegularExpression name("^AWSLogs/\\d{12}/BedrockModelInvocationLogs/[a-z]+-[a-z]+-\\d/\\d{4}/\\d\\d/\\d\\d/\\d\\d/\\d{8}T\\d{9}Z_[0-9a-f]{16}\\.json\\.gz$");
    for (const auto& [path, bytes] : treeFiles(folder() / "layout")) {
      if (name.match(QString::fromStdString(path)).hasMatch()) ++logs;
      else if (path.find("/data/") != std::string::npos && path.ends_with("_input.json.gz")) ++spills;
      else if (path.ends_with("amazon-bedrock-logs-permission-check")) ++markers;
      else QFAIL(path.c_str());
    }
    QCOMPARE(logs, result.files);
    QVERIFY(logs > 3);
    QVERIFY(spills >= 1);
    QCOMPARE(markers, 1);
    QCOMPARE(jsonLines(result.goldFile).size(), std::size_t{300});
    QCOMPARE(jsonLines(result.goldenFile).size(), std::size_t{100});
  }

  void bodiesParse() {
    GenerateOptions options;
    options.records = 1500;
    options.seed = 9;
    const auto result = make(folder() / "desk.jsonl", options);
    std::map<std::string, std::string> gold;
    for (const auto& line : jsonLines(result.goldFile)) gold[line["request_id"]] = line["label"];
    std::map<std::string, int> parsers, operations;
    std::map<std::string, std::pair<int, int>> right;
    LineParser parser;
    int failed = 0;
    for (const auto& line : textLines(folder() / "desk.jsonl")) {
      if (line.empty()) continue;
      Call call;
      ParseReject reject{};
      QVERIFY2(parser.parse(line, false, {}, call, reject), reject.detail.c_str());
      const Record record = std::move(call).toRecord();
      QCOMPARE(record.flags & ~std::uint32_t{kUuid | kNoAnswer | kJoined}, 0u);
      QVERIFY(gold.contains(record.requestId));
      QVERIFY(record.timeUs && *record.timeUs >= kWorldStartMs * 1000);
      QCOMPARE(record.messages.size(), std::size_t{2});
      QCOMPARE(record.turns, 1);
      ++parsers[record.parser];
      ++operations[record.operation];
      if (!record.isTrainable()) {
        ++failed;
        continue;
      }
      QVERIFY(record.operation != "Converse" || record.latencyMs);
      auto& [hits, all] = right[record.model];
      hits += record.answer["content"] == gold[record.requestId];
      ++all;
    }
    QVERIFY(failed > 0 && failed < 40);
    for (const char* dialect : {"converse", "claude", "llama", "nova"}) QVERIFY2(parsers[dialect] > 20, dialect);
    for (const char* operation : {"Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"}) QVERIFY2(operations[operation] > 10, operation);
    QCOMPARE(right.size(), std::size_t{3});                            // region prefixes are normalised away
    const auto share = [&](const char* model) { return static_cast<double>(right[model].first) / right[model].second; };
    const double best = share("anthropic.claude-3-5-haiku-20241022-v1:0"), middle = share("meta.llama3-1-8b-instruct-v1:0"), last = share("amazon.nova-lite-v1:0");
    qInfo("answers right as written: %.3f %.3f %.3f", best, middle, last);
    QVERIFY(best > 0.92 && best < 0.98);
    QVERIFY(middle > 0.76 && middle < best);
    QVERIFY(last > 0.68 && last < middle);
  }

  void metadataOnlyHasNoBodies() {
    GenerateOptions options;
    options.records = 50;
    options.metadataOnly = true;
    for (const bool isDesk : {true, false}) {
      options.isDesk = isDesk;
      const fs::path file = folder() / (isDesk ? "meta-desk.jsonl" : "meta-load.jsonl");
      make(file, options);
      const std::string text = readFile(file).value();
      QVERIFY(text.find("BodyJson") == std::string::npos);
      QVERIFY(text.find("requestMetadata") != std::string::npos);
      for (const auto& line : jsonLines(file)) QVERIFY(line["input"].contains("inputTokenCount"));
    }
  }

  void loadWorldParses() {
    GenerateOptions options;
    options.isDesk = false;
    options.records = 3000;
    const auto result = make(folder() / "load.jsonl", options);
    QVERIFY(result.goldFile.empty());
    LineParser parser;
    std::map<std::string, int> operations;
    std::set<std::string> ids;
    int threeTurns = 0, experiments = 0, prod = 0;
    for (const auto& line : textLines(folder() / "load.jsonl")) {
      if (line.empty()) continue;
      Call call;
      ParseReject reject{};
      QVERIFY2(parser.parse(line, false, {}, call, reject), reject.detail.c_str());
      ++operations[call.record.operation];
      ids.insert(call.record.requestId);
      threeTurns += call.record.turns == 2;
      const auto* env = call.record.metadataValue("env");
      prod += env != nullptr && *env == "prod";
      experiments += call.record.metadataValue("experiment") != nullptr;
      QCOMPARE(call.record.flags & ~std::uint32_t{kUuid}, 0u);
    }
    QCOMPARE(ids.size(), std::size_t{3000});
    QVERIFY(std::abs(operations["Converse"] - 2250) < 120);
    QVERIFY(std::abs(threeTurns - 600) < 100);
    QVERIFY(std::abs(prod - 2100) < 120);
    QVERIFY(std::abs(experiments - 900) < 120);
    const double mean = static_cast<double>(result.bytes) / 3000;
    QVERIFY2(mean > 2000 && mean < 4500, std::to_string(mean).c_str());
  }

  /// Every line of the manifest is refused for its reason by the line parser, every other line is accepted.
  void manifestIsTrue() {
    GenerateOptions options;
    options.records = 1500;
    options.seed = 21;
    options.dirty = 0.08;
    options.isTree = true;
    const auto result = make(folder() / "dirty", options);
    std::map<std::pair<std::string, std::int64_t>, std::pair<std::int64_t, std::string>> bad;
    std::set<std::string> reasons, kinds;
    for (const auto& line : jsonLines(result.manifestFile)) {
      bad[{line["file"], line["line"]}] = {line["byte"], line["reason"]};
      reasons.insert(line["reason"].get<std::string>());
    }
    for (const auto& line : jsonLines(result.toleratedFile)) kinds.insert(line["kind"].get<std::string>());
    QCOMPARE(static_cast<std::int64_t>(bad.size()), result.rejected);
    for (const char* reason : {"not-json", "truncated", "too-deep", "not-utf8", "no-schema", "missing-field", "conflict", "bad-type"}) QVERIFY2(reasons.contains(reason), reason);
    for (const char* kind : {"invalid-utf8", "lone-surrogate", "huge-integer", "duplicate-keys", "nul-escape", "duplicate", "blank-line-before", "missing-spill"}) QVERIFY2(kinds.contains(kind), kind);
    std::int64_t lines = 0, accepted = 0, duplicates = 0, repaired = 0;
    std::set<std::string> seen;
    for (const auto& [path, bytes] : treeFiles(folder() / "dirty")) {
      if (!path.ends_with(".json.gz") || path.find("/data/") != std::string::npos) continue;
      const std::string text = inflated(bytes);
      std::int64_t number = 0, offset = 0;
      LineParser parser;
      for (auto line : splitView(text, '\n')) {
        ++number;
        const std::int64_t at = std::exchange(offset, offset + static_cast<std::int64_t>(line.size()) + 1);
        const bool hasMark = number == 1 && line.starts_with("\xEF\xBB\xBF");
        if (hasMark) line.remove_prefix(3);
        if (trimmed(line).empty()) continue;
        ++lines;
        Call call;
        ParseReject reject{};
        const bool ok = parser.parse(std::string(line), false, {}, call, reject);
        const auto it = bad.find({path, number});
        if (it == bad.end()) {
          QVERIFY2(ok, (path + " line " + std::to_string(number) + ": " + reject.detail).c_str());
          if (seen.insert(call.record.requestId).second) ++accepted, repaired += hasMark || call.record.has(kRepaired);
          else ++duplicates;
          continue;
        }
        QCOMPARE(it->second.first, at);
        if (it->second.second == "conflict") QVERIFY(ok && seen.contains(call.record.requestId));
        else QCOMPARE(std::string(ok ? "accepted" : rejectWord(reject.reason)), it->second.second);
        bad.erase(it);
      }
    }
    QVERIFY(bad.empty());
    QCOMPARE(lines, result.lines);
    QCOMPARE(accepted, result.accepted);
    QCOMPARE(duplicates, result.duplicates);
    QCOMPARE(repaired, result.repaired);
    QCOMPARE(result.accepted + result.duplicates + result.rejected, result.lines);
  }

  /// The importer's list of rejected lines equals the manifest as a set.
  void importAgreesWithManifest_data() {
    QTest::addColumn<int>("seed");
    QTest::addColumn<double>("dirty");
    QTest::addColumn<bool>("isDesk");
    QTest::addColumn<bool>("metadataOnly");
    QTest::newRow("desk") << 22 << 0.1 << true << false;
    QTest::newRow("very dirty") << 23 << 0.6 << true << false;
    QTest::newRow("load") << 24 << 0.05 << false << false;
    QTest::newRow("no bodies") << 25 << 0.1 << true << true;
  }
  void importAgreesWithManifest() {
    QFETCH(int, seed);
    QFETCH(double, dirty);
    QFETCH(bool, isDesk);
    QFETCH(bool, metadataOnly);
    GenerateOptions options;
    options.records = 1200;
    options.seed = static_cast<std::uint64_t>(seed);
    options.dirty = dirty;
    options.isTree = true;
    options.isDesk = isDesk;
    options.metadataOnly = metadataOnly;
    const fs::path tree = folder() / ("import-" + std::to_string(seed)), db = folder() / ("logs-" + std::to_string(seed) + ".db");
    const auto result = make(tree, options);
    ImportOptions import;
    import.sources = {tree};
    import.checkSpace = false;
    const auto summary = importLogs(db, import);
    QVERIFY2(summary.ok(), summary.ok() ? "" : summary.error().text().c_str());
    QCOMPARE(summary->lines, result.lines);
    QCOMPARE(summary->accepted, result.accepted);
    QCOMPARE(summary->duplicates, result.duplicates);
    QCOMPARE(summary->rejected, result.rejected);
    QCOMPARE(summary->repaired, result.repaired);
    const auto store = LogStore::open(db);
    QVERIFY(store.ok());
    std::set<Rejected> wanted, found;
    for (const auto& line : jsonLines(result.manifestFile)) wanted.emplace(line["file"], line["line"], line["byte"], line["reason"]);
    const auto rejects = (*store)->rejects(0, 100'000);
    QVERIFY(rejects.ok());
    for (const auto& r : *rejects) found.emplace(fs::path(r.file).lexically_relative(fs::absolute(tree)).string(), r.line, r.byteOffset, std::string(rejectWord(r.reason)));
    for (const auto& r : wanted)
      if (!found.contains(r)) qWarning("not rejected: %s line %lld byte %lld %s", std::get<0>(r).c_str(), static_cast<long long>(std::get<1>(r)), static_cast<long long>(std::get<2>(r)), std::get<3>(r).c_str());
    for (const auto& r : found)
      if (!wanted.contains(r)) qWarning("not in the manifest: %s line %lld byte %lld %s", std::get<0>(r).c_str(), static_cast<long long>(std::get<1>(r)), static_cast<long long>(std::get<2>(r)), std::get<3>(r).c_str());
    QVERIFY(wanted == found);
  }

  void messagesAreVaried() {
    Random random(11, "desk");
    std::set<std::string> texts;
    std::map<int, int> kinds;
    std::map<std::string_view, int> languages;
    int contrast = 0;
    double words = 0;
    constexpr int n = 4000;
    for (int i = 0; i < n; ++i) {
      const auto m = deskMessage(random);
      texts.insert(m.text);
      ++kinds[m.kind];
      ++languages[m.language];
      contrast += m.other >= 0;
      const auto count = std::count(m.text.begin(), m.text.end(), ' ') + 1;
      QVERIFY2(count >= 3 && count <= 62, m.text.c_str());
      QVERIFY2(m.text.find_first_of("{}") == std::string::npos, m.text.c_str());
      QVERIFY(m.kind != m.other);
      words += static_cast<double>(count);
    }
    QVERIFY(static_cast<double>(texts.size()) > n * 0.97);
    QCOMPARE(kinds.size(), deskKinds().size());
    for (const auto& [kind, count] : kinds) QVERIFY(count > n / 21 / 2);
    QVERIFY(languages["de"] + languages["es"] > n * 0.04 && languages["de"] + languages["es"] < n * 0.08);
    qInfo("mean %.1f words, %.3f with a second kind", words / n, contrast / double{n});
  }

  /// Issue 3 wants a bag-of-words model at least 5 points below the tuned teacher. Measured with scikit-learn on the same texts (2,000 for
  /// training, 2,000 held out): words 0.767, words and pairs 0.773, character 2- to 5-grams 0.769; SmolLM2-135M after 60 steps of 32: 0.92.
  void aBagOfWordsIsNotEnough() {
    Random random(7, "desk");
    std::vector<DeskMessage> train, test;
    for (int i = 0; i < 2000; ++i) train.push_back(deskMessage(random));
    for (int i = 0; i < 2000; ++i) test.push_back(deskMessage(random));
    BagOfWords model(deskKinds().size());
    model.learn(train);
    std::array<std::pair<int, int>, 2> hits{};
    for (const auto& m : test) {
      auto& [right, all] = hits[m.other >= 0];
      right += model.guess(m.text) == static_cast<std::size_t>(m.kind);
      ++all;
    }
    const auto share = [](const std::pair<int, int>& h) { return static_cast<double>(h.first) / h.second; };
    const double all = static_cast<double>(hits[0].first + hits[1].first) / 2000;
    qInfo("bag of words: %.3f; one kind named %.3f, two kinds %.3f", all, share(hits[0]), share(hits[1]));
    QVERIFY(all > 0.65 && all < 0.82);
    QVERIFY(share(hits[0]) > 0.88);          // what is asked plainly is easy
    QVERIFY(share(hits[1]) < 0.60);          // between two named kinds it can only toss a coin
  }
};

QTEST_GUILESS_MAIN(TestGenerate)
#include "tst_generate.moc"
