// Growing an answer token by token.
#include "engine/growing_answer.h"

#include <algorithm>

namespace retort::engine {

using text::TokenId;

Status checkPrompt(const std::vector<TokenId>& prompt, const models::DecoderConfig& config, const std::string& where) {
  if (prompt.empty()) return Error{"engine.prompt.empty", "A prompt has no tokens", where, "an answer needs at least one token before it", "Give it a text", {}, {}};
  if (config.context > 0 && static_cast<std::int64_t>(prompt.size()) >= config.context)
    return Error{"engine.prompt.long", "A prompt is too long", where, "it has " + std::to_string(prompt.size()) + " tokens, and the model's context is " + std::to_string(config.context),
                 "Shorten it, or choose a model with a longer context", {}, {}};
  for (const TokenId id : prompt)
    if (id < 0 || id >= config.vocab)
      return Error{"engine.prompt.id", "A prompt holds an unknown token", where, "id " + std::to_string(id) + " is not in the model's vocabulary of " + std::to_string(config.vocab),
                   "Tokenise it with this model's tokenizer", {}, {}};
  return {};
}

GrowingAnswer::GrowingAnswer(const std::vector<TokenId>& prompt, const GenerationOptions& options, const text::Tokenizer* tokenizer, std::function<void(std::string_view)> delta)
    : m_prompt(&prompt), m_options(&options), m_stream(tokenizer, options.stop), m_delta(std::move(delta)) {
  m_out.promptTokens = prompt.size();
}

TokenId GrowingAnswer::draw(std::span<float> logits, std::uint64_t request) {
  std::vector<float> raw;
  if (m_options->logProbs) raw.assign(logits.begin(), logits.end());
  std::vector<TokenId> seen;
  if (m_options->sampler.repetitionPenalty != 1) {
    seen = *m_prompt;
    seen.insert(seen.end(), m_out.ids.begin(), m_out.ids.end());
  }
  const TokenId id = sampleToken(logits, m_options->sampler, seen, request, m_out.ids.size());
  if (!m_options->logProbs) return id;
  m_out.logProbs.push_back(static_cast<double>(raw[static_cast<std::size_t>(id)]) - logSumExp(raw));
  if (m_options->topLogProbs > 0) m_out.top.push_back(topLogProbs(raw, m_options->topLogProbs));
  return id;
}

bool GrowingAnswer::take(TokenId id, std::int64_t cached, std::int64_t context, double nowMs) {
  if (m_out.ids.empty()) m_out.firstTokenMs = nowMs;
  m_out.totalMs = nowMs;
  m_out.ids.push_back(id);
  const auto say = [&](const std::string& piece) {
    if (!piece.empty() && m_delta) m_delta(piece);
  };
  const bool ended = std::find(m_options->stopIds.begin(), m_options->stopIds.end(), id) != m_options->stopIds.end();
  if (!ended) say(m_stream.add(id));
  const bool full = static_cast<int>(m_out.ids.size()) >= m_options->maxTokens || (context > 0 && cached + 1 >= context);
  if (!ended && !m_stream.stopped() && !full) return false;
  say(m_stream.finish());
  m_out.finish = ended || m_stream.stopped() ? "stop" : "length";
  m_out.text = m_stream.text();
  return true;
}

}  // namespace retort::engine
