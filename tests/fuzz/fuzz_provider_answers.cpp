// Every decoder over any JSON: no crash, no wild growth, an answer that can be written down and read again.
// links: providers
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/format.h"
#include "providers/dialect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort;
  using namespace retort::providers;
  if (size < 1 || size > 50'000) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Dialect* dialects[] = {&chatDialect(), &responsesDialect(), &anthropicDialect(), &converseDialect(), &ollamaDialect()};
  constexpr const char* types[] = {"", "contentBlockDelta", "contentBlockStart", "messageStop", "metadata", "throttlingException"};
  for (const auto* dialect : dialects) {
    const auto decoder = dialect->decoder();
    const auto whole = dialect->decoder();
    std::size_t i = data[0];
    for (const auto line : splitView(text, '\n')) {
      const auto json = parseJson(line, "fuzz");
      if (!json.ok()) continue;
      decoder->event(types[i++ % 6], *json, [](Delta&&) {});
      whole->whole(*json, {});
    }
    for (const auto* d : {decoder.get(), whole.get()}) {
      if (d->answer.text.size() > 2 * size + 64 || d->answer.toolCalls.size() > 128 + size) std::abort();
      const auto again = answerFromJson(toJson(d->answer));
      if (dumpJson(toJson(again)) != dumpJson(toJson(d->answer))) std::abort();
    }
  }
  return 0;
}
