// SmolLM2-135M-Instruct from its GGUF file: the golden prompt, answer and log-probabilities of the de-quantised weights.
#include <algorithm>
#include <cmath>

#include "engine/generator.h"
#include "engine/model_host.h"
#include "engine/scorer.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;
using namespace retort::engine;
using Ids = std::vector<text::TokenId>;

namespace {

const Ids kPrompt{1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198};
const Ids kAnswer{504, 3575, 282, 4649, 314, 7042, 30, 2};
const std::vector<double> kLogProbs{-1.8827, -.0197, -.0115, -.0109, -.0388, -.0500, -.5656, -.2578};

Ids promptOf(const ModelHost& host, const std::string& question) {
  const Json messages = Json::array({{{"role", "user"}, {"content", question}}});
  const auto chat = text::encodePrompt(*host.text.chat, *host.text.tokenizer, host.text.tokens, messages, Json());
  return chat.ok() ? chat->ids : Ids();
}

const std::vector<std::string> kQuestions{"Name a colour.", "What is 2 + 2?", "Write a short sentence about the sea.", "Who wrote Hamlet?", "Translate 'cat' to French.",
                                          "What is the opposite of hot?", "Give me a synonym for happy, and use it in a sentence.", "Say hello.", "What do bees make?", "Is water wet?"};

}  // namespace

class TestSmolLm2 : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    if (!fs::exists(test::smolLm2())) QSKIP(("No model at " + test::smolLm2().string()).c_str());
    auto loaded = loadHost(test::smolLm2(), "f32", test::cpu());
    RETORT_VERIFY(loaded);
    m_host = std::make_unique<ModelHost>(std::move(*loaded));
  }
  void shapeAndStops() {
    QCOMPARE(m_host->decoder.config.parameters(), 134'515'008);
    QCOMPARE(m_host->decoder.layers.size(), 30u);
    QVERIFY(std::find(m_host->stopIds.begin(), m_host->stopIds.end(), 2) != m_host->stopIds.end());
    std::int64_t numbers = 0;
    forEachParameter(std::as_const(m_host->decoder), [&](const std::string&, const at::Tensor& x) { numbers += x.numel(); });
    QCOMPARE(numbers, 134'515'008);
  }
  void promptIds() { QCOMPARE(promptOf(*m_host, "What is the capital of France?"), kPrompt); }
  void greedyAnswer() {
    GenerationOptions options;
    options.stopIds = m_host->stopIds;
    options.logProbs = true;
    options.topLogProbs = 2;
    std::string streamed;
    GenerationHooks hooks;
    hooks.delta = [&](std::size_t, std::string_view text) { streamed += text; };
    const auto out = generate(m_host->decoder, m_host->text.tokenizer.get(), {kPrompt}, options, hooks);
    RETORT_VERIFY(out);
    const Generated& answer = out->front();
    QCOMPARE(answer.ids, kAnswer);
    QCOMPARE(answer.text, std::string("The capital of France is Paris."));
    QCOMPARE(streamed, answer.text);
    QCOMPARE(answer.finish, std::string("stop"));
    for (std::size_t i = 0; i < kLogProbs.size(); ++i) QVERIFY2(std::abs(answer.logProbs[i] - kLogProbs[i]) < 1e-3, std::to_string(answer.logProbs[i]).c_str());
    QCOMPARE(answer.top[0][1].first, 60);
    QVERIFY(std::abs(answer.top[0][1].second + 1.9648) < 1e-3);
  }
  void scoresTheSame() {
    ScoreItem item;
    item.ids = kPrompt;
    item.ids.insert(item.ids.end(), kAnswer.begin(), kAnswer.end());
    item.scored.assign(item.ids.size(), 0);
    std::fill(item.scored.begin() + 37, item.scored.end(), std::uint8_t{1});
    const auto scored = score(m_host->decoder, {item, {{1, 2}, {0, 1}}, item});
    RETORT_VERIFY(scored);
    for (std::size_t i = 0; i < kLogProbs.size(); ++i) QVERIFY(std::abs((*scored)[2].logProbs[i] - kLogProbs[i]) < 1e-3);
    QCOMPARE((*scored)[1].ids, Ids{2});
  }
  void batchedEqualsSingle() {
    // The rule of near ties: equal, except from a place where the two best log-probabilities differ by less than 0.02.
    std::vector<Ids> prompts;
    for (const auto& question : kQuestions) prompts.push_back(promptOf(*m_host, question));
    GenerationOptions options;
    options.stopIds = m_host->stopIds;
    options.maxTokens = 10;
    options.logProbs = true;
    options.topLogProbs = 2;
    const auto together = generate(m_host->decoder, m_host->text.tokenizer.get(), prompts, options);
    RETORT_VERIFY(together);
    std::size_t ties = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto alone = generate(m_host->decoder, m_host->text.tokenizer.get(), {prompts[i]}, options);
      RETORT_VERIFY(alone);
      const Generated &a = alone->front(), &b = (*together)[i];
      if (a.ids == b.ids) continue;
      const auto at = static_cast<std::size_t>(std::mismatch(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end()).first - a.ids.begin());
      QVERIFY2(at < a.top.size() && a.top[at][0].second - a.top[at][1].second < 0.02, kQuestions[i].c_str());
      ++ties;
    }
    QVERIFY2(ties <= 1, "near ties must stay under 10 %");
  }
  void bf16IsClose() {
    const auto host = loadHost(test::smolLm2(), "bf16", test::cpu());
    RETORT_VERIFY(host);
    ScoreItem item;
    item.ids = kPrompt;
    item.ids.insert(item.ids.end(), kAnswer.begin(), kAnswer.end());
    item.scored.assign(item.ids.size(), 1);
    const auto exact = score(m_host->decoder, {item}), rounded = score(host->decoder, {item});
    RETORT_VERIFY(exact);
    RETORT_VERIFY(rounded);
    double difference = 0;
    for (std::size_t i = 0; i < (*exact)[0].logProbs.size(); ++i) difference += std::abs((*exact)[0].logProbs[i] - (*rounded)[0].logProbs[i]);
    QVERIFY2(difference / static_cast<double>((*exact)[0].logProbs.size()) < 0.15, std::to_string(difference).c_str());
  }
  void keptLayers() {
    std::vector<int> kept;
    for (int i = 0; i < 30; i += 2) kept.push_back(i);
    const auto student = loadDecoder(*m_host->source, at::kFloat, at::kCPU, kept);
    RETORT_VERIFY(student);
    QCOMPARE(student->config.parameters(), 81'413'568);
    QVERIFY(student->layers[1].o.weight.equal(m_host->decoder.layers[2].o.weight));
    QCOMPARE(loadDecoder(*m_host->source, at::kFloat, at::kCPU, {30}).error().code, std::string("engine.layers.range"));
  }

 private:
  std::unique_ptr<ModelHost> m_host;
};

QTEST_APPLESS_MAIN(TestSmolLm2)
#include "tst_smollm2.moc"
