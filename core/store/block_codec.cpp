// zstd frames with checksums.
#include "store/block_codec.h"

#include <zstd.h>

#include <cstring>
#include <utility>

namespace retort::store {

struct BlockEncoder::State {
  ZSTD_CCtx* context;
};

BlockEncoder::BlockEncoder(int level) : m_state(std::make_unique<State>(State{ZSTD_createCCtx()})) {
  ZSTD_CCtx_setParameter(m_state->context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(m_state->context, ZSTD_c_checksumFlag, 1);
}
BlockEncoder::~BlockEncoder() {
  if (m_state) ZSTD_freeCCtx(m_state->context);
}
BlockEncoder::BlockEncoder(BlockEncoder&&) noexcept = default;

Result<std::string> BlockEncoder::encode(std::string_view raw) {
  std::string frame(ZSTD_compressBound(raw.size()), '\0');
  const std::size_t size = ZSTD_compress2(m_state->context, frame.data(), frame.size(), raw.data(), raw.size());
  if (ZSTD_isError(size)) return Error{"store.block.encode", "A block could not be compressed", {}, ZSTD_getErrorName(size), {}, {}, {}};
  frame.resize(size);
  return frame;
}

std::uint32_t blockChecksum(std::string_view frame) {
  std::uint32_t sum = 0;
  if (frame.size() >= 4) std::memcpy(&sum, frame.data() + frame.size() - 4, 4);
  return sum;
}

Result<std::string> decodeBlock(std::string_view frame, std::uint64_t rawLength) {
  const auto damaged = [](std::string why) {
    return Error{"store.block.damaged", "A block of records cannot be read", {}, std::move(why), "Import its sources again.", {}, {}};
  };
  if (rawLength > (256u << 20)) return damaged("its length is impossible");
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != rawLength) return damaged("its length differs from what was stored");
  std::string raw(rawLength, '\0');
  const std::size_t size = ZSTD_decompress(raw.data(), raw.size(), frame.data(), frame.size());
  if (ZSTD_isError(size)) return damaged(ZSTD_getErrorName(size));
  if (size != rawLength) return damaged("it is shorter than what was stored");
  return raw;
}

}  // namespace retort::store
