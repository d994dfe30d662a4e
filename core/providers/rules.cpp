// One table for all dialects; each provider's signs are those of its documentation.
#include "providers/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "providers/secret.h"

namespace retort::providers {
namespace {

constexpr double kLongest = 366.0 * 86400;

std::optional<double> plainNumber(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 0 || value > 1e15) return std::nullopt;
  return value;
}

std::string_view find(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::string textOf(const Json& json, const char* key) { return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string(); }

/// The message inside whatever an error body looks like.
struct Said {
  std::string message, type, code, param;
};
Said saidBy(const Json& body) {
  Said s;
  const Json* e = &body;
  if (body.is_array() && !body.empty()) e = &body.front();
  if (e->is_object() && e->contains("error")) e = &(*e)["error"];
  if (e->is_string()) return s.message = e->get<std::string>(), s;
  s.message = textOf(*e, "message");
  if (s.message.empty()) s.message = textOf(*e, "Message");
  if (s.message.empty()) s.message = textOf(*e, "detail");
  s.type = textOf(*e, "type");
  if (s.type.empty()) s.type = textOf(*e, "__type");
  s.code = textOf(*e, "code");
  if (e->is_object() && e->contains("code") && (*e)["code"].is_number_integer()) s.code = std::to_string((*e)["code"].get<std::int64_t>());
  s.param = textOf(*e, "param");
  return s;
}

bool has(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view w) { return text.find(w) != std::string_view::npos; });
}

/// The request parameter that a 400 complains about; empty when it names none of those we may drop.
std::string rejectedParameter(const Said& said, std::string_view all) {
  constexpr std::string_view kDroppable[] = {"stream_options", "max_completion_tokens", "max_tokens", "temperature", "top_p", "seed", "logprobs", "top_logprobs", "response_format", "reasoning_effort", "reasoning", "stop", "metadata", "store"};
  const std::string lower = lowerAscii(all);
  const bool complains = has(lower, {"unsupported", "not supported", "unrecognized", "unrecognised", "unknown", "unexpected", "not permitted", "extra inputs", "invalid parameter", "does not support", "deprecated", "not allowed", "not implemented", "not available", "leave it out", "cannot be answered"});
  if (!complains) return {};
  for (const auto name : kDroppable)
    if (said.param == name) return std::string(name);
  // A name with an underscore, or one of these three, is no word of a sentence; others must stand in quotes or brackets.
  for (const auto name : kDroppable) {
    const bool isDistinct = name.find('_') != std::string_view::npos || name == "temperature" || name == "logprobs" || name == "seed";
    for (auto at = lower.find(name); at != std::string::npos; at = lower.find(name, at + 1)) {
      const auto around = [&](std::size_t i) { return i < lower.size() ? lower[i] : ' '; };
      const char before = at == 0 ? ' ' : lower[at - 1], after = around(at + name.size());
      if (std::isalnum(static_cast<unsigned char>(before)) || before == '_' || std::isalnum(static_cast<unsigned char>(after)) || after == '_') continue;
      if (isDistinct || before == '\'' || before == '`' || before == '"' || before == '(') return std::string(name);
    }
  }
  return {};
}

Error sentence(std::string_view teacher, std::string_view kind, std::string why, std::string next, const std::string& message, std::string where) {
  Error e;
  e.code = "providers." + std::string(kind);
  e.what = std::string(teacher) + " refused the request";
  e.where = std::move(where);
  e.why = std::move(why) + (message.empty() ? "" : ": " + shown(redacted(message)));
  e.next = std::move(next);
  return e;
}

Failure judge(std::string_view teacher, int status, const Said& said, std::string where) {
  const std::string all = lowerAscii(said.type + " " + said.code + " " + said.message);
  Failure f;
  const auto as = [&](ErrorClass c, std::string_view kind, std::string why, std::string next) {
    f.errorClass = c;
    f.error = sentence(teacher, kind, std::move(why), std::move(next), said.message, std::move(where));
    return f;
  };
  if (has(all, {"insufficient_quota", "billing_error", "credit balance", "exceeded your current quota", "insufficient credits"}) || status == 402)
    return as(ErrorClass::pauseQuota, "quota", "its quota or credit is used up", "Top up the account or raise its limit, then resume.");
  if (status == 401 || (status == 403 && !has(all, {"content_filter", "moderation", "flagged"})) || has(all, {"authentication_error", "invalid_api_key", "permission_error", "unrecognizedclientexception", "accessdenied", "expiredtoken", "invalidsignature"}))
    return as(ErrorClass::pauseAuth, "auth", "it does not accept the key", "Check the key and what it may do, then resume.");
  if (has(all, {"context_length_exceeded", "maximum context length", "prompt is too long", "context window", "too many input tokens", "input is too long", "exceed_context_size"}))
    return as(ErrorClass::failItem, "context", "the prompt is longer than the model reads", "Leave long rows out, or choose a model with a longer context.");
  if (has(all, {"content_filter", "content_policy", "moderation", "flagged"})) return as(ErrorClass::failItem, "filter", "its filter stopped the prompt", "Leave the row out, or ask another teacher.");
  if (has(all, {"overloaded", "rate_limit", "throttling", "too many requests", "internalserver", "server_error", "serviceunavailable", "api_error", "modelnotready", "modelstreamerror", "modeltimeout", "timeout_error", "warming up", "no content"}))
    return as(ErrorClass::retry, status == 429 || has(all, {"rate_limit", "throttling", "too many"}) ? "limited" : "busy", "it is busy", "It is tried again.");
  if (status == 408 || status == 409 || status == 425 || status == 424 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504 || status == 529)
    return as(ErrorClass::retry, status == 429 ? "limited" : "busy", status == 429 ? "it allows no more requests now" : "it failed with status " + std::to_string(status), "It is tried again.");
  if (status == 400 || status == 422 || status == 0)
    if (f.rejectedParameter = rejectedParameter(said, all); !f.rejectedParameter.empty()) return as(ErrorClass::reshape, "parameter", "it does not take the parameter " + f.rejectedParameter, "The parameter is left out from now on.");
  if (status == 404) return as(ErrorClass::failItem, "missing", "the address or the model is unknown there", "Check the address and the model's name with: retort-cli teacher test");
  if (status >= 300 && status < 400) return as(ErrorClass::failItem, "redirect", "it sends us to another address, where the key does not go", "Write the final address into the teacher.");
  return as(ErrorClass::failItem, "refused", status > 0 ? "status " + std::to_string(status) : "an error came instead of an answer", "See the reason; the row is left out.");
}

}  // namespace

std::optional<double> parseDuration(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return std::nullopt;
  if (const auto plain = plainNumber(text)) return *plain <= kLongest ? plain : std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const auto digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    const auto value = plainNumber(text.substr(0, digits));
    text.remove_prefix(digits);
    double unit = 0;
    std::size_t length = 1;
    if (text.starts_with("ms")) unit = 0.001, length = 2;
    else if (text.starts_with("us")) unit = 1e-6, length = 2;
    else if (text[0] == 's') unit = 1;
    else if (text[0] == 'm') unit = 60;
    else if (text[0] == 'h') unit = 3600;
    else if (text[0] == 'd') unit = 86400;
    if (!value || unit == 0) return std::nullopt;
    sum += *value * unit;
    text.remove_prefix(length);
  }
  return sum <= kLongest ? std::optional(sum) : std::nullopt;
}

std::optional<std::int64_t> parseHttpDate(std::string_view text) {
  // "Sun, 06 Nov 1994 08:49:37 GMT", the one form that servers may send today.
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  text = trimmed(text);
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const std::string number = std::to_string(month - kMonths.begin() + 1);
  return parseIsoTime(std::string(text.substr(12, 4)) + "-" + (number.size() < 2 ? "0" : "") + number + "-" + std::string(text.substr(5, 2)) + "T" + std::string(text.substr(17, 8)) + "Z");
}

std::optional<double> retryAfter(const Headers& headers, std::int64_t nowMicros) {
  if (const auto ms = plainNumber(find(headers, "retry-after-ms")); ms && *ms / 1000 <= kLongest) return *ms / 1000;
  const auto value = find(headers, "retry-after");
  if (const auto seconds = plainNumber(value)) return *seconds <= kLongest ? seconds : std::nullopt;
  if (const auto date = parseHttpDate(value)) {
    const double seconds = static_cast<double>(*date - nowMicros) / 1e6;
    if (seconds <= kLongest) return std::max(0.0, seconds);
  }
  return std::nullopt;
}

RateHint rateHint(const Headers& headers, std::int64_t nowMicros) {
  const auto bucket = [&](const std::string& kind) {
    RateLimit r;
    bool isBroken = false;
    for (const std::string prefix : {"x-ratelimit-", "anthropic-ratelimit-"}) {
      const bool anthropic = prefix[0] == 'a';
      const auto name = [&](const char* part) { return anthropic ? prefix + kind + "-" + part : prefix + part + "-" + kind; };
      const auto number = [&](const char* part, std::optional<double>& out) {
        const auto text = find(headers, name(part));
        if (text.empty()) return;
        out = plainNumber(text);
        isBroken = isBroken || !out;
      };
      number("limit", r.limit);
      number("remaining", r.remaining);
      if (const auto text = find(headers, name("reset")); !text.empty()) {
        r.resetSeconds = parseDuration(text);
        if (!r.resetSeconds)
          if (const auto time = parseIsoTime(text)) r.resetSeconds = std::max(0.0, static_cast<double>(*time - nowMicros) / 1e6);
        isBroken = isBroken || !r.resetSeconds;
      }
    }
    return isBroken ? RateLimit{} : r;
  };
  return {bucket("requests"), bucket("tokens")};
}

Failure classifyHttp(std::string_view teacher, int status, std::string_view body, const Headers& headers, std::int64_t nowMicros) {
  Said said;
  if (const auto json = parseJson(body.substr(0, 256u << 10), "error", 16); json.ok()) said = saidBy(*json);
  else said.message = std::string(trimmed(body.substr(0, 200)));
  if (const auto type = find(headers, "x-amzn-errortype"); !type.empty()) said.type += " " + std::string(type.substr(0, type.find(':')));
  std::string where = "status " + std::to_string(status);
  for (const char* name : {"x-request-id", "request-id", "x-amzn-requestid"})
    if (const auto id = find(headers, name); !id.empty()) where += ", request " + shown(id);
  Failure f = judge(teacher, status, said, where);
  f.retryAfter = retryAfter(headers, nowMicros).value_or(-1);
  const auto wish = find(headers, "x-should-retry");
  if (wish == "true" && f.errorClass == ErrorClass::failItem) f.errorClass = ErrorClass::retry;
  if (wish == "false" && f.errorClass == ErrorClass::retry) f.errorClass = ErrorClass::failItem;
  // Credits that come back by themselves: the server says when.
  if (status == 402 && f.retryAfter >= 0) f.errorClass = ErrorClass::retry;
  return f;
}

Failure classifyErrorObject(std::string_view teacher, const Json& object) {
  const Said said = saidBy(object);
  int status = 0;
  if (const auto n = plainNumber(said.code); n && *n >= 400 && *n < 600) status = static_cast<int>(*n);
  return judge(teacher, status, said, "inside the answer");
}

ErrorClass classifyTransport(const Error& error) {
  if (isCancelled(error)) return ErrorClass::cancelled;
  for (const std::string_view code : {"providers.http.dns", "providers.http.connect", "providers.http.reset", "providers.http.idle", "providers.http.total", "providers.http.firstbyte"})
    if (error.code == code) return ErrorClass::retry;
  if (error.code.starts_with("providers.frame.")) return ErrorClass::retry;
  if (error.code == "providers.http.tls" || error.code == "providers.http.plainkey" || error.code == "providers.http.offline") return ErrorClass::pauseAuth;
  return ErrorClass::failItem;
}

}  // namespace retort::providers
