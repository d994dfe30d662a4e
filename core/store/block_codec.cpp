// zstd frames with checksums.
#include "store/block_codec.h"

#define ZSTD_STATIC_LINKING_ONLY   // for the one setting that says how literals are packed
#include <zdict.h>
#include <zstd.h>

#include <cstring>
#include <utility>

namespace retort::store {

struct BlockEncoder::State {
  ZSTD_CCtx* context;
  std::shared_ptr<const BlockDictionary> dictionary{};
  std::unique_ptr<char[]> scratch{};
  std::size_t room = 0;                    ///< bytes of `scratch`
};

Result<std::shared_ptr<const BlockDictionary>> BlockDictionary::create(std::string bytes) {
  std::shared_ptr<BlockDictionary> made(new BlockDictionary());
  made->m_bytes = std::move(bytes);
  made->m_decoder = ZSTD_createDDict(made->m_bytes.data(), made->m_bytes.size());
  if (!made->m_decoder || made->m_bytes.empty()) return Error{"store.block.dictionary", "The dictionary of the store's blocks cannot be read", {}, {}, "Import the sources again.", {}, {}};
  return std::shared_ptr<const BlockDictionary>(std::move(made));
}

BlockDictionary::~BlockDictionary() { ZSTD_freeDDict(static_cast<ZSTD_DDict*>(m_decoder)); }

std::string BlockDictionary::train(const std::vector<std::string_view>& samples) {
  constexpr std::size_t kMost = 64 * 1024;
  std::string all;
  std::vector<std::size_t> sizes;
  for (const auto sample : samples) {
    all += sample;
    sizes.push_back(sample.size());
  }
  if (all.size() < 8 * kMost || sizes.size() < 16) return {};
  std::string dictionary(kMost, '\0');
  const std::size_t size = ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), all.data(), sizes.data(), static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(size)) return {};
  dictionary.resize(size);
  return dictionary;
}

BlockEncoder::BlockEncoder(int level) : m_state(std::make_unique<State>(State{ZSTD_createCCtx()})) {
  ZSTD_CCtx_setParameter(m_state->context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(m_state->context, ZSTD_c_checksumFlag, 1);
}

BlockEncoder::BlockEncoder(std::shared_ptr<const BlockDictionary> dictionary, bool isThorough) : BlockEncoder(isThorough ? 3 : 1) {
  if (!dictionary) return;
  ZSTD_CCtx* context = m_state->context;
  if (!isThorough) {
    // Log records repeat long stretches: long matches only, a small table and a wide stride find most of them at 1.5 times the speed of
    // level 2 (tests/bench/RESULTS.md). With a stride zstd would leave literals plain, so it is told not to; a library that cannot be told goes
    // without the stride.
    ZSTD_CCtx_setParameter(context, ZSTD_c_strategy, ZSTD_fast);
    ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, 15);
    ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, 7);
    if (!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_literalCompressionMode, ZSTD_lcm_huffman))) ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, 6);
  }
  ZSTD_CCtx_loadDictionary(context, dictionary->bytes().data(), dictionary->bytes().size());
  m_state->dictionary = std::move(dictionary);
}

BlockEncoder::~BlockEncoder() {
  if (m_state) ZSTD_freeCCtx(m_state->context);
}
BlockEncoder::BlockEncoder(BlockEncoder&&) noexcept = default;
BlockEncoder& BlockEncoder::operator=(BlockEncoder&& other) noexcept {
  std::swap(m_state, other.m_state);
  return *this;
}

Result<std::string> BlockEncoder::encode(std::string_view raw) {
  State& s = *m_state;
  if (const std::size_t most = ZSTD_compressBound(raw.size()); most > s.room) {   // kept, and not cleared first: fresh pages cost more than their filling
    s.scratch.reset(new char[most]);
    s.room = most;
  }
  const std::size_t size = ZSTD_compress2(s.context, s.scratch.get(), s.room, raw.data(), raw.size());
  if (ZSTD_isError(size)) return Error{"store.block.encode", "A block could not be compressed", {}, ZSTD_getErrorName(size), {}, {}, {}};
  return std::string(s.scratch.get(), size);
}

std::uint32_t blockChecksum(std::string_view frame) {
  std::uint32_t sum = 0;
  if (frame.size() >= 4) std::memcpy(&sum, frame.data() + frame.size() - 4, 4);
  return sum;
}

Status decodeBlockInto(std::string_view frame, std::uint64_t rawLength, const BlockDictionary* dictionary, std::string& buffer, std::string_view& raw) {
  const auto damaged = [](std::string why) {
    return Error{"store.block.damaged", "A block of records cannot be read", {}, std::move(why), "Import its sources again.", {}, {}};
  };
  if (rawLength > (256u << 20)) return damaged("its length is impossible");
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != rawLength) return damaged("its length differs from what was stored");
  if (buffer.size() < rawLength + kBlockPadding) buffer.resize(rawLength + kBlockPadding);
  static thread_local std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  const std::size_t size = dictionary ? ZSTD_decompress_usingDDict(context.get(), buffer.data(), rawLength, frame.data(), frame.size(), static_cast<const ZSTD_DDict*>(dictionary->m_decoder))
                                      : ZSTD_decompressDCtx(context.get(), buffer.data(), rawLength, frame.data(), frame.size());
  if (ZSTD_isError(size)) return damaged(ZSTD_getErrorName(size));
  if (size != rawLength) return damaged("it is shorter than what was stored");
  raw = std::string_view(buffer).substr(0, rawLength);
  return {};
}

Result<std::string> decodeBlock(std::string_view frame, std::uint64_t rawLength, const BlockDictionary* dictionary) {
  std::string buffer;
  std::string_view raw;
  RETORT_CHECK(decodeBlockInto(frame, rawLength, dictionary, buffer, raw));
  buffer.resize(rawLength);
  return buffer;
}

}  // namespace retort::store
