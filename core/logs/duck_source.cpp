// A child process whose output is read as a file.
#include "logs/duck_source.h"

#include <cstring>
#include <sys/stat.h>

#include "base/format.h"
#include "base/subprocess.h"

namespace retort::logs {

namespace {

class RowsOfDuckDb : public ByteSource {
 public:
  RowsOfDuckDb(LineProcess process, std::filesystem::path file, std::uint64_t size) : m_process(std::move(process)), m_file(std::move(file)), m_size(size) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    std::size_t got = 0;
    while (got < buffer.size()) {
      if (m_at == m_line.size()) {
        if (m_isDone) break;
        RETORT_TRY(auto line, m_process.readLine({}, std::size_t(1) << 30));
        if (!line) {
          m_isDone = true;
          if (const int code = m_process.wait(); code != 0)
            return Error{"logs.parquet.failed", "duckdb could not read " + shown(m_file.string()), {}, "it ended with code " + std::to_string(code), "Look whether it is a whole Parquet file.", {}, {}};
          break;
        }
        m_line = std::move(*line) + "\n";
        m_at = 0;
      }
      const auto n = std::min(buffer.size() - got, m_line.size() - m_at);
      std::memcpy(buffer.data() + got, m_line.data() + m_at, n);
      m_at += n;
      got += n;
    }
    return got;
  }
  [[nodiscard]] bool isPacked() const override { return true; }
  [[nodiscard]] std::uint64_t consumed() const override { return m_isDone ? m_size : 0; }

 private:
  LineProcess m_process;
  std::filesystem::path m_file;
  std::uint64_t m_size;
  std::string m_line;
  std::size_t m_at = 0;
  bool m_isDone = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> openParquet(const std::filesystem::path& file) {
  if (!isOnPath("duckdb"))
    return Error{"logs.parquet.noduckdb", shown(file.string()) + " cannot be read", {}, "it is a Parquet file, and the program duckdb was not found", "Install duckdb, or export JSON lines or CSV instead.", {}, {}};
  std::string quoted;
  for (const char c : file.string()) quoted += c == '\'' ? "''" : std::string(1, c);
  Command command;
  command.program = "duckdb";
  // One thread keeps the order of rows, which a resumed import relies on.
  command.args = {"-batch", "-c", "SET threads=1; SET memory_limit='256MB'; COPY (SELECT * FROM read_parquet('" + quoted + "')) TO '/dev/stdout' (FORMAT json)"};
  RETORT_TRY(auto process, LineProcess::start(command));
  process.closeInput();
  struct stat info{};
  const auto size = ::stat(file.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  return std::unique_ptr<ByteSource>(new RowsOfDuckDb(std::move(process), file, size));
}

}  // namespace retort::logs
