// Labels, order and micro-batches: where losses go wrong quietly.
#define QT_NO_KEYWORDS
#include <QTest>
#include <QTemporaryDir>
#include <set>

#include "engine/autograd.h"
#include "engine/batches.h"
#include "engine/rollouts.h"
#include "engine/head_loss.h"
#include "engine/tensor_more.h"
#include "engine/tiny_model.h"

using namespace retort;
using namespace retort::engine;

namespace {

EncodedRow rowOf(std::vector<std::int32_t> ids, std::vector<std::uint8_t> learn) {
  EncodedRow row;
  row.ids = std::move(ids);
  row.learn = std::move(learn);
  return row;
}

std::vector<EncodedRow> randomRows(int count) {
  std::vector<EncodedRow> rows;
  for (int i = 0; i < count; ++i) {
    EncodedRow row;
    const int length = 6 + (i * 5) % 17;
    for (int t = 0; t < length; ++t) {
      row.ids.push_back((i * 31 + t * 17) % 300);
      row.learn.push_back(t >= length / 2);
    }
    row.index = i;
    rows.push_back(row);
  }
  return rows;
}

/// The gradient of the summed loss over all rows, in passes of `each` rows.
std::vector<at::Tensor> gradients(Decoder& decoder, const std::vector<EncodedRow>& rows, std::size_t each, double& loss, double& weight) {
  std::vector<at::Tensor> leaves;
  forEachParameter(decoder, [&](const std::string&, at::Tensor& t) {
    t = t.detach().requires_grad_();
    leaves.push_back(t);
  });
  loss = weight = 0;
  for (std::size_t at = 0; at < rows.size(); at += each) {
    std::vector<std::int64_t> which;
    for (std::size_t i = at; i < std::min(rows.size(), at + each); ++i) which.push_back(static_cast<std::int64_t>(i));
    const MicroBatch batch = makeMicroBatch(rows, which, at::kCPU);
    ForwardOptions options;
    options.documentLengths = batch.lengths;
    const at::Tensor hidden = forwardHidden(decoder, batch.ids, options);
    HeadTargets targets;
    targets.labels = batch.labels;
    const HeadLoss got = fusedHeadLoss(hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions), decoder.headWeight(), targets);
    torch::autograd::backward({got.loss}, {});
    loss += got.loss.item<double>();
    weight += got.weight;
  }
  std::vector<at::Tensor> out;
  for (const auto& leaf : leaves) out.push_back(leaf.grad() / weight);
  return out;
}

}  // namespace

class TestBatches : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void check20_labelsAreShiftedOnce() {
    const std::vector<EncodedRow> rows{rowOf({1, 2, 3, 4}, {0, 1, 1, 1}), rowOf({5, 6, 7, 8, 2}, {0, 0, 1, 1, 1})};
    const MicroBatch batch = makeMicroBatch(rows, {0, 1}, at::kCPU);
    QCOMPARE(batch.tokens(), std::int64_t{9});
    QVERIFY(at::equal(batch.positions, at::tensor(std::vector<std::int64_t>{0, 1, 2, 5, 6, 7}, at::kLong)));
    QVERIFY(at::equal(batch.labels, at::tensor(std::vector<std::int64_t>{2, 3, 4, 7, 8, 2}, at::kLong)));
    QCOMPARE(rows[1].supervised(), std::int64_t{3});
    // A model that always predicts current + 1 has no loss on 1 2 3 4; against unshifted labels its loss is great.
    const at::Tensor ids = batch.ids.view({-1}).index_select(0, batch.positions.narrow(0, 0, 3));
    at::Tensor logits = at::zeros({3, 9}, at::kDouble);
    logits.scatter_(1, (ids + 1).unsqueeze(1), 50.0);
    QVERIFY(crossEntropyRows(logits, batch.labels.narrow(0, 0, 3)).max().item<double>() < 1e-12);
    QVERIFY(crossEntropyRows(logits, ids).min().item<double>() > 40);
  }
  void theFirstTokenOfADocumentIsNeverALabel() {   // it would be predicted from another document
    const MicroBatch batch = makeMicroBatch({rowOf({1, 2}, {1, 1}), rowOf({3, 4}, {1, 1})}, {0, 1}, at::kCPU);
    QVERIFY(at::equal(batch.labels, at::tensor(std::vector<std::int64_t>{2, 4}, at::kLong)));
  }
  void orderIsAPermutationEachEpoch() {
    std::vector<std::int64_t> seen;
    for (std::int64_t step = 0; step < 20; ++step)
      for (const auto r : rowsOfStep(5, 25, 10, step)) seen.push_back(r);
    for (int epoch = 0; epoch < 8; ++epoch)
      QCOMPARE(std::set<std::int64_t>(seen.begin() + epoch * 25, seen.begin() + epoch * 25 + 25).size(), std::size_t{25});
    QVERIFY(!std::equal(seen.begin(), seen.begin() + 25, seen.begin() + 25));
    QVERIFY(rowsOfStep(5, 25, 10, 3) == rowsOfStep(5, 25, 10, 3));
    QVERIFY(rowsOfStep(6, 25, 10, 3) != rowsOfStep(5, 25, 10, 3));
    QCOMPARE(stepsOfEpochs(2, 25, 10), std::int64_t{5});
    QCOMPARE(stepsOfEpochs(0.1, 25, 10), std::int64_t{1});
  }
  void groupsHoldAtMostTheirTokens() {
    const auto rows = randomRows(40);
    std::vector<std::int64_t> all(40);
    for (std::size_t i = 0; i < 40; ++i) all[i] = static_cast<std::int64_t>(i);
    std::multiset<std::int64_t> seen;
    for (const auto& group : groupByTokens(rows, all, 50)) {
      std::int64_t tokens = 0;
      for (const auto r : group) tokens += static_cast<std::int64_t>(rows[static_cast<std::size_t>(r)].ids.size()), seen.insert(r);
      QVERIFY(tokens <= 50);
    }
    QCOMPARE(seen.size(), std::size_t{40});
    QCOMPARE(groupByTokens(rows, {3}, 1).size(), std::size_t{1});   // a row longer than the limit goes alone
  }
  void longBatchesAreFilledUpWithoutEffect() {
    Decoder decoder = randomDecoder(tests::tinyConfig(), at::kFloat, at::kCPU, 3, 0.08);
    const auto rows = randomRows(40);
    std::vector<std::int64_t> all;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) all.push_back(static_cast<std::int64_t>(i)), tokens += static_cast<std::int64_t>(rows[i].ids.size());
    QVERIFY(tokens > 256 && tokens % 64 != 0);
    const MicroBatch batch = makeMicroBatch(rows, all, at::kCPU);
    QCOMPARE(batch.tokens(), tokens);
    QCOMPARE(batch.ids.size(1) % 64, std::int64_t{0});
    QVERIFY(batch.positions.max().item<std::int64_t>() < tokens);
    double whole = 0, single = 0, weight = 0;
    const auto a = gradients(decoder, rows, 40, whole, weight), b = gradients(decoder, rows, 1, single, weight);
    for (std::size_t i = 0; i < a.size(); ++i) QVERIFY((a[i] - b[i]).abs().max().item<double>() < 1e-6);
  }
  void check19_microBatchesAreEquivalent() {
    Decoder decoder = randomDecoder(tests::tinyConfig(), at::kFloat, at::kCPU, 3, 0.08);
    const auto rows = randomRows(8);
    double loss1 = 0, loss2 = 0, loss8 = 0, weight = 0;
    const auto one = gradients(decoder, rows, 8, loss1, weight);
    const auto two = gradients(decoder, rows, 4, loss2, weight);
    const auto eight = gradients(decoder, rows, 1, loss8, weight);
    QVERIFY(std::abs(loss1 - loss8) < 1e-4 * std::abs(loss1) && std::abs(loss1 - loss2) < 1e-4 * std::abs(loss1));
    for (std::size_t i = 0; i < one.size(); ++i) {
      QVERIFY2((one[i] - two[i]).abs().max().item<double>() < 1e-6, qPrintable(QString::number(i)));
      QVERIFY2((one[i] - eight[i]).abs().max().item<double>() < 1e-6, qPrintable(QString::number(i)));
    }
  }
  void check22_endOfTurnIsLearntAndNothingAfter() {
    QTemporaryDir dir;
    const fs::path model = fs::path(dir.path().toStdString()) / "model";
    const Status written = tests::writeTinyModel(model, 1);
    QVERIFY2(written.ok(), written.ok() ? "" : written.error().text().c_str());
    const auto source = models::openModel(model);
    QVERIFY2(source.ok(), source.ok() ? "" : source.error().text().c_str());
    const auto text = models::textParts(**source);
    QVERIFY2(text.ok(), text.ok() ? "" : text.error().text().c_str());
    job::DataSpec data;
    data.maxTokens = 512;
    auto rows = tests::tinyRows(6);
    rows[5].target = nullptr;
    const auto encoded = encodeRows(rows, *text, data, false);
    QVERIFY2(encoded.ok(), encoded.ok() ? "" : encoded.error().text().c_str());
    QCOMPARE(encoded->check.withoutTarget, std::int64_t{1});
    QCOMPARE(encoded->check.kept, std::int64_t{5});
    QCOMPARE(encoded->check.endsSupervised, std::int64_t{5});
    QVERIFY(requireLabels(encoded->check, "train.jsonl").ok());
    const auto end = text->tokenizer->idOf("<|im_end|>");
    for (const auto& row : encoded->rows) {
      int ends = 0;
      std::string learnt;
      std::size_t last = 0;
      for (std::size_t i = 0; i < row.ids.size(); ++i)
        if (row.learn[i]) last = i, ends += row.ids[i] == end, learnt += text->tokenizer->tokenBytes(row.ids[i]);
      QCOMPARE(row.ids[last], end);
      QCOMPARE(ends, 1);
      QCOMPARE(learnt, job::contentText(rows[static_cast<std::size_t>(row.index)].target) + "<|im_end|>");
      QVERIFY(row.ids.size() < 2 || !(row.ids[0] == row.ids[1]));   // no doubled beginning
    }
    data.maxTokens = 20;
    const auto shorter = encodeRows(rows, *text, data, false);
    QVERIFY(shorter.ok() && shorter->check.tooLong > 0);
    LabelCheck none = encoded->check;
    none.endsSupervised = 0;
    QCOMPARE(requireLabels(none, "train.jsonl").error().code, std::string("engine.labels.end"));
    none.supervised = 0;
    QCOMPARE(requireLabels(none, "train.jsonl").error().code, std::string("engine.labels.none"));
  }
  void check22_answersAreLearntUpToTheirFirstEnd() {
    using Ids = std::vector<text::TokenId>;
    using Marks = std::vector<std::uint8_t>;
    QVERIFY((learnUntilEnd(Ids{21, 7, 23, 24}, {7, 9}) == Marks{1, 1, 0, 0}));
    QVERIFY((learnUntilEnd(Ids{25, 26, 9, 28}, {7, 9}) == Marks{1, 1, 1, 0}));
    QVERIFY((learnUntilEnd(Ids{21, 22, 23}, {}) == Marks{1, 1, 1}));            // no end: all of it
    // Prompts 11 2 13 with an end of turn (2, also the padding id) inside; answers 21 22 2 2 2 and 21 .. 25.
    EncodedRow prompt;
    prompt.ids = {11, 2, 13, 99};
    prompt.promptLength = 3;
    prompt.learn = {0, 0, 0, 1};
    Generated ended, full;
    ended.ids = {21, 22, 2, 2, 2};
    full.ids = {21, 22, 23, 24, 25};
    const std::vector<EncodedRow> rows{rolloutRow(prompt, ended, {2}), rolloutRow(prompt, full, {2})};
    QVERIFY((rows[0].learn == Marks{0, 0, 0, 1, 1, 1, 0, 0}));
    QVERIFY((rows[1].learn == Marks{0, 0, 0, 1, 1, 1, 1, 1}));
    const MicroBatch batch = makeMicroBatch(rows, {0, 1}, at::kCPU);
    QCOMPARE(batch.ids.size(1), std::int64_t{16});                              // the prompt's end is there to be attended
    QCOMPARE(batch.labels.size(0), std::int64_t{8});
    QCOMPARE(batch.labels[2].item<std::int64_t>(), std::int64_t{2});            // the first end is learnt
  }
  void systemPromptMayBeDroppedForTheStudent() {
    QTemporaryDir dir;
    const fs::path model = fs::path(dir.path().toStdString()) / "model";
    QVERIFY(tests::writeTinyModel(model, 1).ok());
    const auto source = models::openModel(model);
    QVERIFY(source.ok());
    const auto text = models::textParts(**source);
    QVERIFY(text.ok());
    auto rows = tests::tinyRows(2);
    for (auto& row : rows) row.messages.insert(row.messages.begin(), Json{{"role", "system"}, {"content", "the long house and the long sea"}});
    job::DataSpec data;
    data.maxTokens = 512;
    data.systemPrompt = "drop";
    const auto encoded = encodeRows(rows, *text, data, true);
    QVERIFY(encoded.ok());
    for (const auto& row : encoded->rows) {
      QVERIFY(row.teacherIds.size() > row.ids.size());
      const MicroBatch student = makeMicroBatch({row}, {0}, at::kCPU), teacher = makeMicroBatch({row}, {0}, at::kCPU, true);
      QVERIFY(at::equal(student.labels, teacher.labels));
    }
  }
};

QTEST_GUILESS_MAIN(TestBatches)
#include "tst_batches.moc"
