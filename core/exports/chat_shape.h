// A chat template as fixed texts around system, user and assistant messages, found by rendering it; what a Modelfile can say.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "models/text_parts.h"

namespace retort::exports {

struct ChatShape {
  std::string start;                             ///< before everything (BOS of templates that write it)
  std::string systemBefore, systemAfter;
  std::string userBefore, userAfter;
  std::string assistantBefore, assistantAfter;
  std::string generation;                        ///< after the last message, where the answer begins
  std::string defaultSystem;                     ///< system text that the template adds when none is given; may be empty
  /// The prompt of text messages, as the shape gives it.
  [[nodiscard]] std::string render(const Json& messages) const;
};

/// Renders probes and takes them apart. Error "exports.ollama.template" when the template does more than put texts around
/// messages (then no Modelfile can say what it does).
Result<ChatShape> chatShape(const models::TextParts& text, std::string_view name);

/// The TEMPLATE of a Modelfile (Go's template language). `withoutStart`: the server adds BOS itself.
[[nodiscard]] std::string goTemplate(const ChatShape& shape, bool withoutStart);

/// What a Modelfile says, read again without the code that wrote it.
struct Modelfile {
  std::string from, chatTemplate, system, licence;
  std::vector<std::string> stops;
};
Result<Modelfile> readModelfile(std::string_view text, std::string_view where);
/// The prompt that the template gives for text messages; knows if, else if, else, end, range, eq and the fields .System, .Messages,
/// .Role, .Content. Error "exports.ollama.template" for anything else.
Result<std::string> renderGoTemplate(const Modelfile& file, const Json& messages);

/// Conversations of text messages that a template is tried with: with and without system text, one and several turns.
[[nodiscard]] std::vector<Json> probeConversations();
/// The prompt as the model's own template renders it.
Result<std::string> renderJinja(const models::TextParts& text, const Json& messages, bool generation = true);

}  // namespace retort::exports
