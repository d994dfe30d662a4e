// Retry-After, durations, dates and rate headers: a finite number that is not negative, or none; redaction never grows wild.
// links: providers
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "providers/prices.h"
#include "providers/rules.h"
#include "providers/secret.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::providers;
  if (size > 10'000) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto isGood = [](const std::optional<double>& v) {
    if (v && !(std::isfinite(*v) && *v >= 0)) std::abort();
  };
  isGood(parseDuration(text));
  isGood(retryAfter({{"retry-after", text}}, 1'700'000'000'000'000));
  isGood(retryAfter({{"retry-after-ms", text}, {"retry-after", text}}, 0));
  for (const char* prefix : {"x-ratelimit-", "anthropic-ratelimit-"})
    for (const char* name : {"limit-requests", "remaining-tokens", "reset-requests", "requests-reset", "tokens-remaining"}) {
      const auto hint = rateHint({{std::string(prefix) + name, text}}, 0);
      for (const auto& bucket : {hint.requests, hint.tokens}) isGood(bucket.limit), isGood(bucket.remaining), isGood(bucket.resetSeconds);
    }
  const auto failure = classifyHttp("t", size > 0 ? 400 + data[0] : 500, text, {}, 0);
  if (failure.error.code.empty()) std::abort();
  if (redacted(text).size() > 3 * text.size() + 16) std::abort();
  if (const auto price = parsePrice(text); price && (*price < 0 || parsePrice(printPrice(*price)) != price)) std::abort();
  (void)priceKey(text);
  return 0;
}
