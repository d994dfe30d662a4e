// The trainer of byte-level BPE: merges by hand, determinism, limits, and the Python package as a reader of the result.
#include <QTemporaryDir>
#include <QtTest>

#include "base/random.h"
#include "core/text/gguf_vectors.h"
#include "core/text/random_text.h"
#include "text/bpe_trainer.h"

using namespace retort;
using namespace retort::text;

class TestBpeTrainer : public QObject {
  Q_OBJECT
 private slots:
  void mergesTheCommonestPairFirst() {
    // words: "low" x3, " low" x2, " lower" x1: lo and ow both 6; l=108 o=111 w=119, so (l,o) is the smaller pair; then (lo,w) 6;
    // then (space,low) 3; then (e,r) against (space low,e): both 1, (e,r) has the smaller ids
    const auto made = trainByteBpe({"low low low lower", "low", "low"}, 256 + 1 + 5, {"<|end|>"});
    QVERIFY(made.ok());
    const Json json = Json::parse(*made);
    QCOMPARE(json["model"]["merges"].dump(), std::string(R"([["l","o"],["lo","w"],["Ġ","low"],["e","r"],["Ġlow","er"]])"));
    const auto tokenizer = tokenizerFromJson(*made, "trained");
    QVERIFY(tokenizer.ok());
    QCOMPARE((*tokenizer)->size(), std::size_t{262});
    QCOMPARE((*tokenizer)->idOf("<|end|>"), 0);
    QCOMPARE((*tokenizer)->idOf("l"), 1 + 'l');
    const auto ids = (*tokenizer)->encode("low lower<|end|>");
    QVERIFY(ids.ok());
    QCOMPARE((*ids)[0], 1 + 256 + 1);
    QCOMPARE((*ids)[1], 1 + 256 + 4);
    QCOMPARE((*tokenizer)->decode(*ids), std::string("low lower<|end|>"));
  }
  void overlappingPairs() {
    const auto made = trainByteBpe({"aaaa", "aaaa"}, 258, {});
    QVERIFY(made.ok());
    QCOMPARE(Json::parse(*made)["model"]["merges"].dump(), std::string(R"([["a","a"],["aa","aa"]])"));
  }
  void isDeterministicAndRoundTrips() {
    Random random(3);
    std::vector<std::string> texts;
    for (int i = 0; i < 400; ++i) texts.push_back(test::randomText(random));
    const auto one = trainByteBpe(texts, 700, {"<s>", "</s>"});
    std::reverse(texts.begin(), texts.end());
    const auto two = trainByteBpe(texts, 700, {"<s>", "</s>"});
    QVERIFY(one.ok() && two.ok());
    QCOMPARE(*one, *two);
    const auto tokenizer = tokenizerFromJson(*one, "trained");
    QVERIFY(tokenizer.ok());
    QCOMPARE((*tokenizer)->size(), std::size_t{700});
    for (const std::string& text : texts) {
      const auto ids = (*tokenizer)->encode(text);
      QVERIFY(ids.ok());
      QCOMPARE((*tokenizer)->decode(*ids), text);
    }
    if (test::python().isEmpty()) QSKIP("no Python oracle at .deps/python");
    QTemporaryDir folder;
    QFile file(folder.filePath("tokenizer.json"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(one->data(), static_cast<qint64>(one->size()));
    file.close();
    QString message;
    const auto oracle = test::oracleIds(file.fileName(), texts, folder.path(), &message);
    QVERIFY2(oracle.size() == texts.size(), qPrintable(message));
    for (std::size_t i = 0; i < texts.size(); ++i) QVERIFY(*(*tokenizer)->encode(texts[i], {.special = true}) == oracle[i]);
  }
  void refusesBadSettings() {
    QVERIFY(!trainByteBpe({"a"}, 255, {}).ok());
    QVERIFY(!trainByteBpe({"a"}, 257, {"a", "b"}).ok());
    QVERIFY(!trainByteBpe({"a"}, 300, {"x", "x"}).ok());
    QVERIFY(!trainByteBpe({"a"}, 300, {""}).ok());
    QVERIFY(!trainByteBpe({"a"}, 300, {"a"}).ok());
    const auto few = trainByteBpe({"ab"}, 1000, {});   // runs out of pairs
    QVERIFY(few.ok());
    QCOMPARE(Json::parse(*few)["model"]["vocab"].size(), std::size_t{257});
  }
};

QTEST_GUILESS_MAIN(TestBpeTrainer)
#include "tst_bpe_trainer.moc"
