// SSE, JSON lines and event streams: however the bytes are cut, the same events come out, within the caps.
// links: providers
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "providers/event_stream.h"
#include "providers/sse.h"

namespace {

using namespace retort;
using namespace retort::providers;

constexpr StreamLimits kLimits{4096, 8192, 65536};

template <typename Parser>
void feedCut(Parser& parser, std::string_view bytes, std::size_t step, std::vector<std::string>& out) {
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto fed = parser.feed(bytes.substr(at, step));
    if (!fed.ok()) return out.push_back("! " + fed.error().code);
  }
  const auto end = parser.finish();
  if (!end.ok()) out.push_back("! " + end.error().code);
}

std::vector<std::string> sse(std::string_view bytes, std::size_t step) {
  std::vector<std::string> out;
  SseParser parser([&](const SseEvent& e) { return out.push_back(e.type + "\x1f" + e.data + "\x1f" + e.id + (e.isAtEnd ? "$" : "")), Status(); }, {}, kLimits);
  feedCut(parser, bytes, step, out);
  return out;
}

std::vector<std::string> lines(std::string_view bytes, std::size_t step) {
  std::vector<std::string> out;
  LineFramer framer([&](std::string_view l) { return out.emplace_back(l), Status(); }, kLimits);
  feedCut(framer, bytes, step, out);
  return out;
}

std::vector<std::string> frames(std::string_view bytes, std::size_t step) {
  std::vector<std::string> out;
  EventStreamParser parser([&](Frame&& f) {
    // What was read is written the same, but for the two spellings of a width that we do not keep.
    if (encodeFrame(f).size() != 16 + f.payload.size() + (encodeFrame({f.headers, ""}).size() - 16)) std::abort();
    return out.push_back(f.payload), Status();
  }, 65536);
  feedCut(parser, bytes, step, out);
  return out;
}

/// Cuts may move the moment at which a cap is met, never the events before it.
bool isPrefix(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    if (a[i] != b[i]) return a[i].starts_with("! ") || b[i].starts_with("! ");
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 100'000) return 0;
  const std::size_t step = 1 + data[0] % 17;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto check = [&](auto f) {
    const auto whole = f(bytes, bytes.size() + 1), cut = f(bytes, step);
    if (!isPrefix(whole, cut)) std::abort();
    for (const auto& e : whole)
      if (e.size() > 3 * kLimits.event + 64) std::abort();
  };
  check(sse);
  check(lines);
  check(frames);
  return 0;
}
