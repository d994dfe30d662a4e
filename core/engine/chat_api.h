// OpenAI's chat and text completions as JSON: requests understood, answers and stream chunks written.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/generator.h"
#include "engine/model_host.h"

namespace retort::engine {

struct ApiRequest {
  bool chat = true;                               ///< else text completion
  std::vector<text::TokenId> prompt;
  GenerationOptions options;
  bool stream = false, streamUsage = false;
  Json messages, tools;                           ///< of chat, as given (for the traffic log)
  std::string text;                               ///< of a text completion
  Json metadata;                                  ///< the caller's own, as given
};

/// Reads a request body for a model served as `name`. Unknown members are ignored, as the API has it; members that would change the
/// answer and are not supported (n > 1, response_format, logit_bias, images …) are errors that name them. Temperature is 0 unless
/// given: a student answers as it was judged.
Result<ApiRequest> parseApiRequest(std::string_view body, bool chat, const ModelHost& host, std::string_view name);

/// What every answer to a request shares.
struct ApiAnswer {
  std::string id;                                 ///< "chatcmpl-…"
  std::int64_t created = 0;                       ///< UTC seconds
  std::string model;                              ///< NAME@<12 hex of the file's SHA-256>
};
[[nodiscard]] Json completion(const ApiAnswer& answer, const ApiRequest& request, const Generated& made, const text::Tokenizer& tokenizer);
/// A chunk of a stream with a piece of text (the first of a chat carries the role), or its end with the finish reason.
[[nodiscard]] Json chunk(const ApiAnswer& answer, const ApiRequest& request, std::string_view piece, bool first);
[[nodiscard]] Json lastChunk(const ApiAnswer& answer, const ApiRequest& request, const Generated& made);
[[nodiscard]] Json usageChunk(const ApiAnswer& answer, const ApiRequest& request, const Generated& made);
/// {"error":{"message","type","param","code"}}; `type` e.g. "invalid_request_error".
[[nodiscard]] Json apiError(const Error& error, std::string_view type);

}  // namespace retort::engine
