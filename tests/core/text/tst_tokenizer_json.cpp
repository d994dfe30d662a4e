// tokenizer.json: files of our own for every model and part, compared with the Python package; GGUF vocabularies turned into
// tokenizer.json and back; limits and named errors.
#include <QTemporaryDir>
#include <utf8proc.h>

#include <QtTest>
#include <ctime>

#include "base/random.h"
#include "core/text/gguf_vectors.h"
#include "core/text/random_text.h"
#include "core/text/tokenizer_samples.h"
#include "text/normalizer.h"
#include "text/regex.h"
#include "text/scanner.h"

using namespace retort;
using namespace retort::text;

namespace {

std::vector<std::string> hardTexts(std::uint64_t seed, std::size_t count, std::uint32_t top = 0x110000) {
  Random random(seed);
  std::vector<std::string> texts{"", " ", "  ", "\n", "Hello world", " Hello  world ", std::string(300, ' '), std::string(1000, '7'), "a\xCC\x81\xCC\xA7", "</s>a <mask> b<mask>c  <mask>"};
  while (texts.size() < count) texts.push_back(test::randomText(random, top));
  return texts;
}

QString path(const QString& name) { return test::dataFolder() + "/tokenizers/ggml-vocab-" + name + ".gguf"; }

/// A normal form of a whole text by utf8proc.
std::string wholeForm(const std::string& text, std::string_view form) {
  int options = UTF8PROC_STABLE | (form.ends_with('C') ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
  if (form.find('K') != form.npos) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* out = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &out, static_cast<utf8proc_option_t>(options));
  std::string result(reinterpret_cast<const char*>(out), static_cast<std::size_t>(size));
  std::free(out);
  return result;
}

void write(const QString& name, std::string_view bytes) {
  QFile file(name);
  QVERIFY(file.open(QIODevice::WriteOnly));
  file.write(bytes.data(), static_cast<qint64>(bytes.size()));
}

std::string codeOf(std::string_view json) {
  const auto made = tokenizerFromJson(json, "tokenizer.json");
  return made.ok() ? "" : made.error().code;
}

void names() {
  QTest::addColumn<QString>("name");
  for (const char* name : {"gpt-2", "starcoder", "llama-bpe", "qwen2", "llama-spm"}) QTest::newRow(name) << QString(name);
}

}  // namespace

class TestTokenizerJson : public QObject {
  Q_OBJECT
 private slots:
  void samplesLikePython_data() {
    QTest::addColumn<QByteArray>("json");
    for (const auto& [name, json] : test::tokenizerSamples()) QTest::newRow(name.c_str()) << QByteArray::fromStdString(json);
  }
  void samplesLikePython() {
    QFETCH(QByteArray, json);
    const auto made = tokenizerFromJson(json.toStdString(), "sample");
    QVERIFY2(made.ok(), made.ok() ? "" : made.error().text().c_str());
    if (test::python().isEmpty()) QSKIP("no Python oracle at .deps/python");
    QTemporaryDir folder;
    write(folder.filePath("tokenizer.json"), json.toStdString());
    const auto texts = hardTexts(11, 1500);
    QString message;
    const auto oracle = test::oracleIds(folder.filePath("tokenizer.json"), texts, folder.path(), &message);
    QVERIFY2(oracle.size() == texts.size(), qPrintable(message));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto ids = (*made)->encode(texts[i], {.special = true});
      QVERIFY(ids.ok());
      if (*ids != oracle[i]) qWarning() << QByteArray::fromStdString(texts[i]);
      QCOMPARE(QList<int>(ids->begin(), ids->end()), QList<int>(oracle[i].begin(), oracle[i].end()));
    }
    const auto decoded = test::oracleTexts(folder.filePath("tokenizer.json"), oracle, folder.path(), &message);
    QVERIFY2(decoded.size() == texts.size(), qPrintable(message));
    for (std::size_t i = 0; i < texts.size(); ++i)   // Python replaces what is no UTF-8
      QCOMPARE(QString::fromStdString((*made)->decode(oracle[i])).remove(QChar(0xFFFD)), QString::fromStdString(decoded[i]).remove(QChar(0xFFFD)));
  }

  void ggufAsJsonLikePython_data() { names(); }
  void ggufAsJsonLikePython() {
    QFETCH(QString, name);
    if (!QFileInfo::exists(path(name))) QSKIP(qPrintable("no test data " + path(name)));
    GgufVocabulary v;
    QVERIFY(test::GgufHeader::read(path(name), v));
    const auto json = tokenizerJsonFromGguf(v);
    QVERIFY2(json.ok(), json.ok() ? "" : json.error().text().c_str());
    const auto fromGguf = tokenizerFromGguf(v, "gguf"), fromJson = tokenizerFromJson(*json, "json");
    QVERIFY(fromGguf.ok());
    QVERIFY2(fromJson.ok(), fromJson.ok() ? "" : fromJson.error().text().c_str());
    QCOMPARE((*fromJson)->size(), (*fromGguf)->size());
    auto texts = hardTexts(12, 3000, name == "starcoder" ? 0x40000 : 0x110000);
    for (const std::string& text : test::vectorTexts(path(name) + ".inp")) texts.push_back(text);
    for (const std::string& text : texts) {
      const auto a = (*fromGguf)->encode(text, {.special = true}), b = (*fromJson)->encode(text, {.special = true});
      QVERIFY(a.ok() && b.ok());
      if (*a != *b) qWarning() << QByteArray::fromStdString(text);
      QCOMPARE(QList<int>(a->begin(), a->end()), QList<int>(b->begin(), b->end()));
      QCOMPARE((*fromGguf)->decode(*a), (*fromJson)->decode(*a));
    }
    const auto back = ggufFromTokenizerJson(*json, "json");
    QVERIFY2(back.ok(), back.ok() ? "" : back.error().text().c_str());
    QCOMPARE(back->model, v.model);
    QVERIFY(back->tokens == v.tokens);
    if (v.model == "gpt2") QVERIFY(back->merges == v.merges);
    else QVERIFY(back->addSpacePrefix == v.addSpacePrefix);
    const auto again = tokenizerFromGguf(*back, "again");
    QVERIFY(again.ok());
    for (const std::string& text : texts) QVERIFY(*(*again)->encode(text, {.special = true}) == *(*fromGguf)->encode(text, {.special = true}));
    if (test::python().isEmpty()) QSKIP("no Python oracle at .deps/python");
    QTemporaryDir folder;
    write(folder.filePath("tokenizer.json"), *json);
    QString message;
    const auto oracle = test::oracleIds(folder.filePath("tokenizer.json"), texts, folder.path(), &message);
    QVERIFY2(oracle.size() == texts.size(), qPrintable(message));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto ids = (*fromGguf)->encode(texts[i], {.special = true});
      if (*ids != oracle[i]) qWarning() << QByteArray::fromStdString(texts[i]);
      QCOMPARE(QList<int>(ids->begin(), ids->end()), QList<int>(oracle[i].begin(), oracle[i].end()));
    }
  }

  void scannersAreTheirPatterns_data() {
    QTest::addColumn<int>("rule");
    QTest::newRow("gpt-2") << static_cast<int>(ScanRule::Gpt2);
    QTest::newRow("llama-bpe") << static_cast<int>(ScanRule::Llama3);
    QTest::newRow("qwen2") << static_cast<int>(ScanRule::Qwen2);
  }
  void scannersAreTheirPatterns() {
    QFETCH(int, rule);
    const auto scan = static_cast<ScanRule>(rule);
    QVERIFY(ruleOfPattern(patternOf(scan)) == scan);
    const auto regex = Regex::compile(patternOf(scan), "test");
    QVERIFY(regex.ok());
    Random random(13);
    for (int i = 0; i < 30'000; ++i) {
      const std::string text = test::randomText(random);
      for (std::size_t at = 0; at < text.size();) {
        const auto match = (*regex)->find(text, at);
        QVERIFY(match.ok() && match->found);
        QCOMPARE(match->begin, at);
        const std::size_t end = nextSplit(scan, text, at);
        if (match->end != end) qWarning() << QByteArray::fromStdString(text) << at;
        QCOMPARE(end, match->end);
        at = end;
      }
    }
  }

  void normalFormsWorkGroupByGroup() {
    // equal to utf8proc on the whole text, and places never go back
    for (const char* form : {"NFC", "NFD", "NFKC", "NFKD"}) {
      const auto normalizer = Normalizer::fromJson({{"type", form}}, "test");
      QVERIFY(normalizer.ok());
      Random random(14);
      for (int i = 0; i < 20'000; ++i) {
        std::string text = test::randomText(random);
        if (QString::fromStdString(text).contains(QRegularExpression("[\\x{32ff}\\x{a7f2}-\\x{a7f4}\\x{ab69}\\x{10780}-\\x{107ba}\\x{11938}\\x{1e030}-\\x{1e06d}\\x{1f16c}\\x{1fbf0}-\\x{1fbf9}]"))) text = "kept";
        const auto done = normalizer->run(AlignedText{text}, true);
        QVERIFY(done.ok());
        const std::string whole = wholeForm(text, form);
        if (done->text != whole) qWarning() << form << QByteArray::fromStdString(text).toHex(' ');
        QCOMPARE(QByteArray::fromStdString(done->text), QByteArray::fromStdString(whole));
        QCOMPARE(done->ends.size(), done->text.size());
        QVERIFY(std::is_sorted(done->ends.begin(), done->ends.end()));
        if (!done->ends.empty()) QCOMPARE(done->ends.back(), text.size());
      }
    }
  }

  void classEscapesAreSpeltOut() {
    const auto regex = Regex::compile(R"(\s)", "test");
    QVERIFY(regex.ok());
    QVERIFY(!(*regex)->find("\xE1\xA0\x8E", 0)->found);   // U+180E
    QVERIFY((*regex)->find("\xC2\xA0", 0)->found);
    QVERIFY((*Regex::compile(R"([^\S]\p{L})", "test"))->find(" \xF0\x96\x84\x80", 0)->found);   // U+16100, of Unicode 16
    const auto refused = Regex::compile("a(", "tokenizer.json");
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, std::string("text.tokenizer.regex"));
    QVERIFY(!Regex::compile(R"(\C)", "test").ok());
  }

  void regexLimitsHold() {
    const std::string json = test::byteBpeWithPattern("(a+)+$|b");
    const auto tokenizer = tokenizerFromJson(json, "bad.json");
    QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().text().c_str());
    const std::clock_t before = std::clock();
    const auto ids = (*tokenizer)->encode(std::string(40, 'a') + "c");
    QVERIFY(!ids.ok());
    QCOMPARE(ids.error().code, std::string("text.tokenizer.limit"));
    QVERIFY(ids.error().text().find("(a+)+$") != std::string::npos);
    QVERIFY((std::clock() - before) / CLOCKS_PER_SEC < 5);
  }

  void unsupportedPartsAreNamed() {
    const Json good = Json::parse(test::byteBpeWithPattern("a"));
    const auto withPart = [&](const char* part, Json value) {
      Json changed = good;
      changed[part] = std::move(value);
      const auto made = tokenizerFromJson(changed.dump(), "tokenizer.json");
      return made.ok() ? std::string() : made.error().code + " " + made.error().text();
    };
    QCOMPARE(codeOf(good.dump()), std::string());
    for (const char* part : {"normalizer", "pre_tokenizer", "decoder", "post_processor"}) {
      const std::string error = withPart(part, {{"type", "NoSuchThing"}});
      QVERIFY(error.starts_with("text.tokenizer.unsupported") && error.find("NoSuchThing") != std::string::npos);
    }
    Json changed = good;
    changed["model"]["type"] = "WordLevel";
    QCOMPARE(codeOf(changed.dump()), std::string("text.tokenizer.unsupported"));
    changed = good;
    changed["model"]["dropout"] = 0.1;
    QCOMPARE(codeOf(changed.dump()), std::string("text.tokenizer.unsupported"));
    const auto unknown = ggufFromTokenizerJson(test::byteBpeWithPattern("[A-Z]+|x"), "tokenizer.json");
    QVERIFY(!unknown.ok());
    QVERIFY(unknown.error().text().find("[A-Z]+|x") != std::string::npos);
  }

  void brokenFilesAreErrors() {
    for (const char* json : {"", "{", "[]", "{}", R"({"model":1})", R"({"model":{}})", R"({"model":{"type":"BPE","vocab":{},"merges":[]}})", R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})",
                             R"({"model":{"type":"BPE","vocab":{"a":1e30},"merges":[]}})", R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})", R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["aa"]}})",
                             R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}})", R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a","b","c"]]}})", R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}})",
                             R"({"model":{"type":"BPE","vocab":{"a":[1]},"merges":[]}})", R"({"model":{"type":"Unigram","vocab":[["a"]]}})", R"({"model":{"type":"Unigram","vocab":[[1,"a"]]}})",
                             R"({"model":{"type":"Unigram","unk_id":7,"vocab":[["a",-1]]}})", R"({"added_tokens":[{"id":99999999999,"content":"a"}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})",
                             R"({"added_tokens":[{"id":1}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})"})
      QVERIFY2(!codeOf(json).empty(), json);
    std::string deep = R"({"model":)";
    for (int i = 0; i < 100'000; ++i) deep += "[";
    QVERIFY(!codeOf(deep).empty());
    std::string sequence;
    for (int i = 0; i < 20; ++i) sequence += R"({"type":"Sequence","normalizers":[)";
    QVERIFY(!codeOf(R"({"normalizer":)" + sequence).empty());
    std::string wide = R"({"x":{)";
    for (int i = 0; i < 300'000; ++i) wide += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
    wide += R"(},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
    const std::clock_t before = std::clock();
    QVERIFY(codeOf(wide).empty());
    QVERIFY((std::clock() - before) / CLOCKS_PER_SEC < 3);
    QVERIFY(!codeOf(R"({"model":{"type":"BPE","vocab":{")" + std::string(70'000, 'a') + R"(":0},"merges":[]}})").empty());
  }

  void mergesAsTextOrAsPairs() {
    const std::string head = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":)";
    const auto text = tokenizerFromJson(head + R"(["a b"]}})", "x"), pair = tokenizerFromJson(head + R"([["a","b"]]}})", "x");
    QVERIFY(text.ok() && pair.ok());
    QVERIFY(*(*text)->encode("abab") == (std::vector<TokenId>{2, 2}));
    QVERIFY(*(*pair)->encode("abab") == (std::vector<TokenId>{2, 2}));
  }

  void specialTextStaysData() {
    for (const auto& [name, json] : test::tokenizerSamples()) {
      const auto made = tokenizerFromJson(json, name);
      QVERIFY(made.ok());
      for (TokenId id = 0; static_cast<std::size_t>(id) < (*made)->size(); ++id) {
        if (!(*made)->isSpecial(id)) continue;
        const auto ids = (*made)->encode("x" + std::string((*made)->tokenText(id)) + "y");
        QVERIFY(ids.ok());
        for (const TokenId got : *ids) QVERIFY2(!(*made)->isSpecial(got) || (*made)->tokenText(got) == "<unk>" || (*made)->tokenText(got) == "[UNK]", name.c_str());
      }
    }
  }
};

QTEST_GUILESS_MAIN(TestTokenizerJson)
#include "tst_tokenizer_json.moc"
