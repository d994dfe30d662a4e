// An answer while it grows: tokens drawn for it, its text, its end; the same for a batch of prompts and for a running one.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/generator.h"
#include "engine/text_stream.h"

namespace retort::engine {

/// Refuses a prompt that cannot be answered: empty, as long as the context, of ids beyond the vocabulary. `where` goes into the error.
Status checkPrompt(const std::vector<text::TokenId>& prompt, const models::DecoderConfig& config, const std::string& where = {});

class GrowingAnswer {
 public:
  /// `prompt` and `options` must outlive it; `tokenizer` may be null (no text then). `delta` gets the text in order; may be empty.
  GrowingAnswer(const std::vector<text::TokenId>& prompt, const GenerationOptions& options, const text::Tokenizer* tokenizer, std::function<void(std::string_view)> delta);

  /// The next id from logits [vocab] (f32, used up), with its log-probabilities where asked. `request` keys the drawn numbers.
  text::TokenId draw(std::span<float> logits, std::uint64_t request);
  /// Adds an id, `nowMs` after the start; true when the answer has ended. `cached`: tokens in the cache before it, `context`: the model's.
  bool take(text::TokenId id, std::int64_t cached, std::int64_t context, double nowMs);
  /// What has become of it; call once, after the end.
  Generated result() { return std::move(m_out); }

 private:
  const std::vector<text::TokenId>* m_prompt;
  const GenerationOptions* m_options;
  TextStream m_stream;
  std::function<void(std::string_view)> m_delta;
  Generated m_out;
};

}  // namespace retort::engine
