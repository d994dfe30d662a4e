// Any bytes as a log file: every document accounted for, at the place it names; any document as a record, or a reason.
// links: logs
#include <cstdlib>
#include <cstring>

#include "logs/call.h"
#include "logs/document_reader.h"

using namespace retort::logs;

namespace {

void mustHold(bool condition) {
  if (!condition) std::abort();
}

class Bytes : public ByteSource {
 public:
  explicit Bytes(std::string_view bytes) : m_bytes(bytes) {}
  retort::Result<std::size_t> read(std::span<char> buffer) override {
    const auto n = std::min(buffer.size(), m_bytes.size() - m_at);
    std::memcpy(buffer.data(), m_bytes.data() + m_at, n);
    m_at += n;
    return n;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return m_at; }

 private:
  std::string_view m_bytes;
  std::size_t m_at = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file(reinterpret_cast<const char*>(data), size);
  DocumentReader reader(0, std::make_unique<Bytes>(file), 0, 0, FileMode::unknown);
  static LineParser parser;
  bool isDone = false;
  std::uint64_t last = 0;
  while (!isDone) {
    Chunk chunk;
    isDone = reader.fill(chunk, 1024);
    mustHold(chunk.progress.size() == 1);
    for (const auto& document : chunk.documents) {
      mustHold(document.offset >= last && document.offset < file.size() && document.begin + document.length <= chunk.bytes.size());
      last = document.offset;
      const std::string_view text = std::string_view(chunk.bytes).substr(document.begin, document.length);
      mustHold(std::string_view(file).substr(document.offset, document.fullLength).find(text) != std::string_view::npos);
      Call call;
      ParseReject reject{};
      if (!parser.parse(text, false, {}, call, reject)) {
        mustHold(static_cast<std::size_t>(reject.reason) < kRejectWords.size());
        continue;
      }
      if (call.isNoCall) continue;
      mustHold(call.requestKey.size() == 16 && !call.record.requestId.empty() && call.preview().size() <= 640);
      const Record record = std::move(call).toRecord();
      (void)retort::dumpJson(record.toJson());
      (void)searchableText(record);
    }
  }
  return 0;
}
