// Chat templates: a Jinja interpreter for templates that are data, not programs we trust; every output byte knows who wrote it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace retort::text {

/// What a rendering sees: messages, tools, documents, add_generation_prompt, bos_token, eos_token and any further variables.
struct TemplateInput {
  Json variables = Json::object();                 ///< "messages", "tools", "add_generation_prompt", "bos_token" …
  std::optional<std::int64_t> clockMicros;         ///< for strftime_now; unset: now
};

/// A run of output bytes from one origin.
struct Span {
  std::size_t begin = 0, end = 0;                  ///< bytes
  bool fromTemplate = true;
};

struct Rendered {
  std::string text;
  std::vector<Span> spans;                         ///< cover `text` in order
  std::vector<std::pair<std::size_t, std::size_t>> generation;   ///< byte ranges inside {% generation %}
};

class ChatTemplate {
 public:
  /// Parses; errors name template (`where`), line and column.
  static Result<std::shared_ptr<const ChatTemplate>> parse(std::string_view source, std::string_view where);
  virtual ~ChatTemplate() = default;
  /// Renders within 1 M steps, depth 64, 8 MiB of output.
  [[nodiscard]] virtual Result<Rendered> render(const TemplateInput& input) const = 0;
  [[nodiscard]] virtual bool hasGenerationMarks() const = 0;
};

/// Special tokens a template needs by name.
struct TemplateTokens {
  std::string bos, eos;                            ///< text of the tokens, may be empty
};

/// A prompt, or a prompt with its answer, as token ids, with what is to be learnt.
struct EncodedChat {
  std::vector<TokenId> ids;
  std::vector<std::uint8_t> learn;                 ///< per id: 1 where the loss counts (the answer's tokens and its end-of-turn)
  std::size_t promptLength = 0;                    ///< ids before the (last) answer
};

/// The prompt alone, with the generation prompt.
Result<EncodedChat> encodePrompt(const ChatTemplate& chat, const Tokenizer& tokenizer, const TemplateTokens& tokens,
                                 const Json& messages, const Json& tools);
/// Prompt and `answer` (an assistant message). The whole is rendered and tokenised once; the answer's ids are found from generation
/// spans, else from rendering the prompt alone as a prefix (error "text.template.prefix" when it is not one). `learn` covers the
/// last answer (completion) or every assistant turn (`everyAssistant`), with the end-of-turn token and nothing after it.
Result<EncodedChat> encodeTraining(const ChatTemplate& chat, const Tokenizer& tokenizer, const TemplateTokens& tokens,
                                   const Json& messages, const Json& tools, const Json& answer, bool everyAssistant = false);

/// Built-in templates offered where a model has none: "chatml", "llama3", "zephyr"; empty when unknown.
[[nodiscard]] std::string_view builtInTemplate(std::string_view name);

}  // namespace retort::text
