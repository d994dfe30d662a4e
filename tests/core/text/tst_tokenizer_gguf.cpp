// GGUF vocabularies: the 46 vectors of each, round trips, provenance of special tokens, offsets, long hostile texts.
#include <QtTest>
#include <ctime>
#include <thread>

#include "base/random.h"
#include "core/text/gguf_vectors.h"
#include "core/text/random_text.h"

using namespace retort;
using namespace retort::text;
using retort::test::GgufHeader;

namespace {

QString vocabularyPath(const QString& name) { return test::dataFolder() + "/tokenizers/ggml-vocab-" + name + ".gguf"; }

std::shared_ptr<const Tokenizer> load(const QString& name) {
  GgufVocabulary v;
  if (!GgufHeader::read(vocabularyPath(name), v)) return nullptr;
  auto made = tokenizerFromGguf(v, name.toStdString());
  if (!made.ok()) qWarning("%s", made.error().text().c_str());
  return made.ok() ? std::move(made).value() : nullptr;
}

#define LOAD_OR_SKIP(variable, name)                                                                   \
  if (!QFileInfo::exists(vocabularyPath(name))) QSKIP(qPrintable("no test data " + vocabularyPath(name))); \
  const auto variable = load(name);                                                                    \
  QVERIFY(variable)

// StarCoder's vocabulary has no token for the bytes F1, F2 …: such characters are dropped, as in its own tokenizer.
std::uint32_t topOf(const QString& name) { return name == "starcoder" ? 0x40000 : 0x110000; }

void byteLevelNames() {
  QTest::addColumn<QString>("name");
  for (const char* name : {"gpt-2", "starcoder", "llama-bpe", "qwen2"}) QTest::newRow(name) << QString(name);
}

}  // namespace

class TestTokenizerGguf : public QObject {
  Q_OBJECT
 private slots:
  void vectors_data() {
    byteLevelNames();
    QTest::newRow("llama-spm") << QString("llama-spm");
  }
  void vectors() {
    QFETCH(QString, name);
    LOAD_OR_SKIP(tokenizer, name);
    const auto texts = test::vectorTexts(vocabularyPath(name) + ".inp");
    const auto expected = test::vectorIds(vocabularyPath(name) + ".out");
    QCOMPARE(texts.size(), std::size_t{46});
    QCOMPARE(expected.size(), std::size_t{46});
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto ids = tokenizer->encode(texts[i]);
      QVERIFY(ids.ok());
      if (*ids != expected[i]) qWarning("text %zu", i);
      QCOMPARE(QList<int>(ids->begin(), ids->end()), QList<int>(expected[i].begin(), expected[i].end()));
    }
  }

  void roundTripOfRandomText_data() { byteLevelNames(); }
  void roundTripOfRandomText() {
    QFETCH(QString, name);
    LOAD_OR_SKIP(tokenizer, name);
    Random random(7, name.toStdString());
    for (int i = 0; i < 2000; ++i) {
      // qwen2 composes its text first, so only text that is composed comes back as it was
      const std::string text = name == "qwen2" ? test::randomComposed(random) : test::randomText(random, topOf(name));
      const auto ids = tokenizer->encode(text);
      QVERIFY(ids.ok());
      QCOMPARE(QByteArray::fromStdString(tokenizer->decode(*ids)), QByteArray::fromStdString(text));
    }
  }
  void roundTripOfBytes() {
    LOAD_OR_SKIP(tokenizer, "gpt-2");
    Random random(8);
    for (int i = 0; i < 2000; ++i) {
      std::string text(random.below(40), 'x');
      for (char& c : text) c = static_cast<char>(random.below(256));
      const auto ids = tokenizer->encode(text);
      QVERIFY(ids.ok());
      QCOMPARE(QByteArray::fromStdString(tokenizer->decode(*ids)), QByteArray::fromStdString(text));
    }
  }

  void specialTokensAreDataUnlessAsked() {
    LOAD_OR_SKIP(tokenizer, "llama-bpe");
    const std::string name = "<|eot_id|>";
    const TokenId eot = tokenizer->idOf(name);
    QVERIFY(tokenizer->isSpecial(eot));
    const auto data = tokenizer->encode("a" + name + "b"), special = tokenizer->encode("a" + name + "b", {.special = true});
    QVERIFY(data.ok() && special.ok());
    QVERIFY(std::find(data->begin(), data->end(), eot) == data->end());
    QCOMPARE(special->size(), std::size_t{3});
    QCOMPARE((*special)[1], eot);
    QCOMPARE(tokenizer->decode(*special), std::string("ab"));
    QCOMPARE(tokenizer->decode(*special, true), "a" + name + "b");
    QCOMPARE(tokenizer->decode(*data), "a" + name + "b");
    QCOMPARE(tokenizer->tokenBytes(eot), name);
  }

  void piecesTellTemplateFromData() {
    LOAD_OR_SKIP(tokenizer, "llama-bpe");
    const TokenId eot = tokenizer->idOf("<|eot_id|>");
    const auto count = [&](std::vector<Piece> pieces) {
      std::vector<std::size_t> ends;
      const auto ids = tokenizer->encodePieces(pieces, &ends);
      if (!ids.ok() || ends.size() != ids->size()) return std::ptrdiff_t{-1};
      return std::count(ids->begin(), ids->end(), eot);
    };
    QCOMPARE(count({{"hi<|eot_id|>", true}}), 1);
    QCOMPARE(count({{"hi<|eot_id|>", false}}), 0);
    QCOMPARE(count({{"hi<|eot", true}, {"_id|>", false}}), 0);
    QCOMPARE(count({{"hi<|eot", false}, {"_id|>", true}}), 0);
    QCOMPARE(count({{"<|eot", true}, {"_id|>", true}}), 0);
    QCOMPARE(count({{"<|eot_id|>", false}, {"<|eot_id|>", true}, {"<|eot_id|>", false}}), 1);
  }

  void piecesAreOneText_data() { vectors_data(); }
  void piecesAreOneText() {
    QFETCH(QString, name);
    LOAD_OR_SKIP(tokenizer, name);
    Random random(9, name.toStdString());
    for (int i = 0; i < 500; ++i) {
      const std::string text = test::randomText(random, topOf(name));
      const std::size_t cut = random.below(text.size() + 1);
      const std::vector<Piece> pieces{{std::string_view(text).substr(0, cut), false}, {std::string_view(text).substr(cut), false}};
      std::vector<std::size_t> ends;
      const auto whole = tokenizer->encode(text);
      const auto parts = tokenizer->encodePieces(pieces, &ends);
      QVERIFY(whole.ok() && parts.ok());
      QVERIFY(*whole == *parts);
      QCOMPARE(ends.size(), parts->size());
      QVERIFY(std::is_sorted(ends.begin(), ends.end()));
      if (!ends.empty()) QCOMPARE(ends.back(), text.size());
    }
  }
  void offsetsAreThoseOfTheBytes_data() { byteLevelNames(); }
  void offsetsAreThoseOfTheBytes() {
    QFETCH(QString, name);
    LOAD_OR_SKIP(tokenizer, name);
    Random random(10);
    for (int i = 0; i < 500; ++i) {
      const std::string text = test::randomComposed(random);
      const std::vector<Piece> pieces{{text, true}};
      std::vector<std::size_t> ends;
      const auto ids = tokenizer->encodePieces(pieces, &ends);
      QVERIFY(ids.ok());
      std::size_t offset = 0;
      for (std::size_t k = 0; k < ids->size(); ++k) {
        const std::string bytes = tokenizer->tokenBytes((*ids)[k]);
        QCOMPARE(ends[k], offset + bytes.size());
        QCOMPARE(text.substr(offset, bytes.size()), bytes);
        offset = ends[k];
      }
    }
  }

  void longHostileTexts_data() { vectors_data(); }
  void longHostileTexts() {
    QFETCH(QString, name);
    LOAD_OR_SKIP(tokenizer, name);
    std::string letters(100'000, 'a');
    for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<char>('a' + i * i % 26);
    std::string marks = "a";
    for (int i = 0; i < 50'000; ++i) marks += i % 2 ? "\xCC\x81" : "\xCC\xA7";
    for (const std::string& text : {std::string(10'000, '7'), std::string(200'000, ' '), std::string(200'000, '\n'), letters, marks}) {
      const std::clock_t before = std::clock();   // of the processor, so that a busy machine does not fail it
      const auto ids = tokenizer->encode(text);
      const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
      QVERIFY(ids.ok());
      QVERIFY2(seconds < 1.5, qPrintable(QString("%1 s for %2 bytes").arg(seconds).arg(text.size())));
      if (name != "qwen2" && name != "llama-spm") QCOMPARE(tokenizer->decode(*ids), text);
    }
  }

  void manyThreadsAgree() {
    LOAD_OR_SKIP(tokenizer, "gpt-2");
    const auto texts = test::vectorTexts(vocabularyPath("gpt-2") + ".inp");
    const auto expected = test::vectorIds(vocabularyPath("gpt-2") + ".out");
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round)
          for (std::size_t i = 0; i < texts.size(); ++i)
            if (const auto ids = tokenizer->encode(texts[i]); !ids.ok() || *ids != expected[i]) ++wrong;
      });
    for (std::thread& thread : threads) thread.join();
    QCOMPARE(wrong.load(), 0);
  }

  void unknownNamesAreErrors() {
    GgufVocabulary v{.model = "gpt2", .pre = "no-such", .tokens = {"a"}};
    auto made = tokenizerFromGguf(v, "x.gguf");
    QVERIFY(!made.ok());
    QCOMPARE(made.error().code, std::string("text.tokenizer.unsupported"));
    QVERIFY(made.error().text().find("no-such") != std::string::npos);
    v.model = "rwkv";
    made = tokenizerFromGguf(v, "x.gguf");
    QVERIFY(!made.ok() && made.error().text().find("rwkv") != std::string::npos);
    v.model = "llama";
    QVERIFY(!tokenizerFromGguf(v, "x.gguf").ok());   // no scores
    v.scores = {std::numeric_limits<float>::quiet_NaN()};
    QVERIFY(!tokenizerFromGguf(v, "x.gguf").ok());
    v = {.model = "gpt2", .pre = "gpt-2", .tokens = {std::string(70'000, 'a')}};
    QVERIFY(!tokenizerFromGguf(v, "x.gguf").ok());
  }
};

QTEST_GUILESS_MAIN(TestTokenizerGguf)
#include "tst_tokenizer_gguf.moc"
