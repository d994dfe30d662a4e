// Any filter as SQL of every engine: one statement whose texts and names all end where they should, whatever the filter holds; and result
// files of any bytes.
// links: logs
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "logs/remote_result.h"
#include "logs/remote_source.h"

using namespace retort;
using namespace retort::logs;

namespace {

void mustHold(bool condition) {
  if (!condition) std::abort();
}

/// Brackets balance outside of quotes, every quote closes, and no control character but our own line breaks is there.
void checkSql(std::string_view sql, bool hasBackslashes) {
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    mustHold(static_cast<unsigned char>(c) >= 0x20 || (c == '\n' && quote == 0));
    if (quote != 0) {
      if (hasBackslashes && c == '\\') ++i;
      else if (c == quote) quote = 0;   // a doubled quote opens again at once
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') mustHold(--depth >= 0);
  }
  mustHold(quote == 0 && depth == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto filter = parseFilter(text); filter.ok())
    for (const auto engine : {SqlEngine::duckdb, SqlEngine::athena, SqlEngine::clickhouse}) checkSql(explainFor(engine, *filter), engine == SqlEngine::clickhouse);
  static const std::filesystem::path file = std::filesystem::temp_directory_path() / ("fuzz-remote-" + std::to_string(::getpid()));
  std::ofstream(file, std::ios::binary | std::ios::trunc).write(text.data(), static_cast<std::streamsize>(text.size()));
  (void)readResultCsv(file, [](Json) -> Result<bool> { return true; });
  (void)readResultLines(file, "x", [](std::string_view) -> Result<bool> { return true; });
  std::filesystem::remove(file);
  return 0;
}
