// What a status, a body and headers mean: class of failure, how long to wait, which limits the server names. Never trusts a number.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "providers/generation.h"

namespace retort::providers {

using Headers = std::vector<std::pair<std::string, std::string>>;   ///< names in lower case

/// "6m0s", "1s", "12ms", "1h2m", "2.5" (seconds) to seconds; nullopt for anything else, negative, not finite or over a year.
[[nodiscard]] std::optional<double> parseDuration(std::string_view text);
/// Seconds to wait: retry-after-ms, then retry-after as seconds, then as an HTTP date against `nowMicros`; nullopt when unusable.
[[nodiscard]] std::optional<double> retryAfter(const Headers& headers, std::int64_t nowMicros);
/// "Wed, 21 Oct 2015 07:28:00 GMT" to microseconds UTC.
[[nodiscard]] std::optional<std::int64_t> parseHttpDate(std::string_view text);

struct RateLimit {
  std::optional<double> limit, remaining, resetSeconds;
};
struct RateHint {
  RateLimit requests, tokens;
};
/// x-ratelimit-{limit,remaining,reset}-{requests,tokens} and anthropic-ratelimit-…; an unusable value voids its bucket alone.
[[nodiscard]] RateHint rateHint(const Headers& headers, std::int64_t nowMicros);

struct Failure {
  ErrorClass errorClass = ErrorClass::failItem;
  Error error;
  double retryAfter = -1;
  std::string rejectedParameter;     ///< of reshape
};
/// Classifies an answer that is no success. `teacher` names it in the sentence; `body` is foreign and comes out redacted and cut.
[[nodiscard]] Failure classifyHttp(std::string_view teacher, int status, std::string_view body, const Headers& headers, std::int64_t nowMicros);
/// The same for an error object inside a stream or a body of status 200.
[[nodiscard]] Failure classifyErrorObject(std::string_view teacher, const Json& object);
/// The class of a failed transfer (an error of HttpClient or of a framer).
[[nodiscard]] ErrorClass classifyTransport(const Error& error);

}  // namespace retort::providers
