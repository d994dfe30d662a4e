// The estimator: parameter counts of published models, memory by part, disk and time.
#include <QTest>

#include "job/estimator.h"

using namespace retort;
using job::EstimateInput;

namespace {

models::DecoderConfig config(const char* family, std::int64_t vocab, std::int64_t hidden, std::int64_t layers, std::int64_t heads, std::int64_t kv,
                             std::int64_t headDim, std::int64_t ffn, bool tied) {
  models::DecoderConfig c;
  c.family = family;
  c.vocab = vocab, c.hidden = hidden, c.layers = layers, c.heads = heads, c.kvHeads = kv, c.headDim = headDim, c.ffn = ffn, c.tiedEmbeddings = tied;
  c.qkvBias = c.family == "qwen2";
  c.qkNorm = c.family == "qwen3";
  return c;
}

const models::DecoderConfig kSmol = config("llama", 49152, 576, 30, 9, 3, 64, 1536, true);
const models::DecoderConfig kLlama1 = config("llama", 128256, 2048, 16, 32, 8, 64, 8192, true);

EstimateInput input() {
  EstimateInput in;
  in.student = kSmol;
  in.spec.methods.push_back({});
  in.spec.methods[0].steps = 80;
  in.rowTokens.assign(2000, 64);
  return in;
}

}  // namespace

class TestEstimator : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void parameterCounts() {   // reference distillation, check 30, and engine section 12
    QCOMPARE(kSmol.parameters(), std::int64_t{134515008});
    std::vector<int> kept;
    for (int i = 0; i < 30; i += 2) kept.push_back(i);
    QCOMPARE(kSmol.withLayers(kept).parameters(), std::int64_t{81413568});
    QCOMPARE(config("qwen2", 151936, 896, 24, 14, 2, 64, 4864, true).parameters(), std::int64_t{494032768});
    QCOMPARE(config("qwen3", 151936, 1024, 28, 16, 8, 128, 3072, true).parameters(), std::int64_t{596049920});
    QCOMPARE(kLlama1.parameters(), std::int64_t{1235814400});
    QCOMPARE(config("llama", 128256, 4096, 32, 32, 8, 128, 14336, false).parameters(), std::int64_t{8030261248});
  }
  void adapters() { QCOMPARE(job::loraParameters(kLlama1, 1), std::int64_t{212992 + 491520}); }
  void trainableBytes() {
    EstimateInput in = input();
    const auto full = job::estimateRun(in);
    QCOMPARE(full.parameters, std::int64_t{134515008});
    QCOMPARE(full.trainable, full.parameters);
    // bf16 with f32 masters: 16 to 18 bytes a parameter.
    const double perParameter = static_cast<double>(full.memory.weights + full.memory.gradients + full.memory.optimiser) / 134515008.0;
    QVERIFY2(perParameter > 15.9 && perParameter < 18.1, qPrintable(QString::number(perParameter)));
    in.spec.train.precision = "f32";
    const auto f32 = job::estimateRun(in);
    QCOMPARE(f32.memory.weights + f32.memory.gradients + f32.memory.optimiser, std::uint64_t{134515008} * 16);
    in.spec.student.freezeEmbeddings = true;
    QCOMPARE(job::estimateRun(in).trainable, std::int64_t{134515008 - 49152 * 576});
    in.spec.train.precision = "bf16";
    in.spec.student.tuning = "lora";
    in.spec.student.lora.rank = 16;
    const auto lora = job::estimateRun(in);
    QCOMPARE(lora.trainable, job::loraParameters(kSmol, 16));
    QVERIFY(lora.memory.weights + lora.memory.gradients + lora.memory.optimiser < (full.memory.weights + full.memory.gradients + full.memory.optimiser) / 4);
  }
  void moreNeedsMore() {
    EstimateInput in = input();
    const auto small = job::estimateRun(in);
    in.spec.train.microTokens = 512;
    const auto less = job::estimateRun(in);
    QVERIFY(less.memory.activations < small.memory.activations);
    in.spec.train.activationCheckpointing = true;
    const auto checkpointed = job::estimateRun(in);
    QVERIFY(checkpointed.memory.activations < less.memory.activations / 4);
    QVERIFY(checkpointed.flopsPerToken > less.flopsPerToken);
  }
  void teacherAndCache() {
    EstimateInput in = input();
    in.teacher = kSmol;
    in.spec.methods[0].kind = "logit-kd";
    in.spec.methods[0].loss.source = "live";
    const auto live = job::estimateRun(in);
    QVERIFY(live.memory.teacher > std::uint64_t{134515008} * 2);
    in.spec.methods[0].loss.source = "cached";
    const auto cached = job::estimateRun(in);
    QVERIFY(cached.memory.teacher < live.memory.teacher / 2);   // gone before the student comes, but for holes
    QCOMPARE(cached.logitBytes, static_cast<std::uint64_t>(64 * 4 * 2000 * 64 * 0.35));
    in.tokensPerSecond = 1000;
    QVERIFY(job::estimateRun(in).seconds < [&] { in.spec.methods[0].loss.source = "live"; return job::estimateRun(in).seconds; }());
  }
  void time() {
    EstimateInput in = input();
    QCOMPARE(job::estimateRun(in).seconds, -1.0);
    in.tokensPerSecond = 640;
    const auto e = job::estimateRun(in);
    QCOMPARE(e.steps, std::int64_t{80});
    QCOMPARE(e.tokens, std::int64_t{80 * 32 * 64});
    QVERIFY(std::abs(e.seconds - 80 * 32 * 64 / 640.0) < 1e-6);
    QVERIFY(e.secondsLow < e.seconds && e.seconds < e.secondsHigh);
    in.spec.methods[0].steps = 0;
    in.spec.methods[0].epochs = 2;
    QCOMPARE(job::estimateRun(in).steps, std::int64_t{125});
  }
  void cpuFlopsAToken() {   // reference engine, section 15: 135M full costs 0.81 GFLOP a token
    QVERIFY(std::abs(job::trainingFlops(kSmol, 0, false, false) - 0.81e9) < 0.005e9);
  }
};

QTEST_APPLESS_MAIN(TestEstimator)
#include "tst_estimator.moc"
