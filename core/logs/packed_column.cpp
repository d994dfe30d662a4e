// Packing columns, and scanning them into bitmaps.
#include "logs/packed_column.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "logs/word_kernels.h"

namespace retort::logs {

namespace {

constexpr std::size_t kSegment = 1u << kColumnShift;
constexpr std::size_t kWords = kSegment / 64;

template <typename Code>
Code codeAt(const std::uint8_t* bytes, std::size_t i) {
  Code code;
  std::memcpy(&code, bytes + i * sizeof(Code), sizeof code);
  return code;
}

}  // namespace

std::shared_ptr<const ColumnSegment> ColumnSegment::pack(std::span<const std::int64_t> values) {
  auto out = std::make_shared<ColumnSegment>();
  ColumnSegment& s = *out;
  s.m_size = static_cast<std::uint32_t>(values.size());
  std::int64_t low = INT64_MAX, high = INT64_MIN;
  for (const auto value : values) {
    if (value == kNoValue) {
      s.m_hasMissing = true;
      continue;
    }
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) {
    s.m_hasMissing = true;
    return out;
  }
  s.m_min = low;
  s.m_max = high;
  s.m_base = low;
  // Times are whole seconds or milliseconds in nearly every log: the step keeps their codes short.
  for (const std::int64_t step : {std::int64_t(1'000'000), std::int64_t(1000)}) {
    if (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) < 65'536) break;
    if (std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v == kNoValue || (static_cast<std::uint64_t>(v) - static_cast<std::uint64_t>(low)) % static_cast<std::uint64_t>(step) == 0; })) {
      s.m_step = step;
      break;
    }
  }
  const std::uint64_t most = (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)) / static_cast<std::uint64_t>(s.m_step);
  if (most == 0 && !s.m_hasMissing) return out;
  s.m_width = most < 0xff ? 1 : most < 0xffff ? 2 : most < 0xffffffff ? 4 : 8;
  s.m_none = s.m_width == 8 ? ~0ull : (1ull << (8 * s.m_width)) - 1;
  s.m_owned.assign(s.codeBytes(), 0);
  s.m_codes = s.m_owned.data();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t code = values[i] == kNoValue ? s.m_none : (static_cast<std::uint64_t>(values[i]) - static_cast<std::uint64_t>(low)) / static_cast<std::uint64_t>(s.m_step);
    std::memcpy(s.m_owned.data() + i * s.m_width, &code, s.m_width);
  }
  return out;
}

void ColumnSegment::writeHead(PackedWriter& out) const {
  out.put(m_base).put(m_step).put(m_min).put(m_max).put(m_none).put(m_size).put(m_width).put(static_cast<std::uint8_t>(m_hasMissing));
}

std::shared_ptr<ColumnSegment> ColumnSegment::fromHead(PackedReader& in) {
  auto out = std::make_shared<ColumnSegment>();
  ColumnSegment& s = *out;
  std::uint8_t hasMissing = 0;
  if (!in.get(s.m_base) || !in.get(s.m_step) || !in.get(s.m_min) || !in.get(s.m_max) || !in.get(s.m_none) || !in.get(s.m_size) || !in.get(s.m_width) || !in.get(hasMissing)) return nullptr;
  s.m_hasMissing = hasMissing != 0;
  const bool isWidth = s.m_width == 0 || s.m_width == 1 || s.m_width == 2 || s.m_width == 4 || s.m_width == 8;
  if (!isWidth || s.m_step <= 0 || s.m_size == 0 || s.m_size > kSegment) return nullptr;
  return out;
}

void ColumnSegment::setCodes(const char* codes, std::shared_ptr<const void> memory) {
  m_codes = reinterpret_cast<const std::uint8_t*>(codes);
  m_memory = std::move(memory);
}

std::int64_t ColumnSegment::at(std::size_t i) const {
  if (isEmpty()) return kNoValue;
  std::uint64_t code = 0;
  switch (m_width) {
    case 0: return m_base;
    case 1: code = m_codes[i]; break;
    case 2: code = codeAt<std::uint16_t>(m_codes, i); break;
    case 4: code = codeAt<std::uint32_t>(m_codes, i); break;
    default: code = codeAt<std::uint64_t>(m_codes, i);
  }
  if (code == m_none) return kNoValue;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(m_base) + static_cast<std::uint64_t>(m_step) * code);
}

template <typename Code>
void ColumnSegment::readCodes(std::int64_t* out) const {
  const auto base = static_cast<std::uint64_t>(m_base), step = static_cast<std::uint64_t>(m_step);
  for (std::size_t i = 0; i < m_size; ++i) {
    const std::uint64_t code = codeAt<Code>(m_codes, i);
    out[i] = code == m_none ? kNoValue : static_cast<std::int64_t>(base + step * code);
  }
}

void ColumnSegment::read(std::int64_t* out) const {
  if (isEmpty() || m_width == 0) {
    std::fill_n(out, m_size, isEmpty() ? kNoValue : m_base);
    return;
  }
  switch (m_width) {
    case 1: return readCodes<std::uint8_t>(out);
    case 2: return readCodes<std::uint16_t>(out);
    case 4: return readCodes<std::uint32_t>(out);
    default: readCodes<std::uint64_t>(out);
  }
}

std::uint32_t ColumnSegment::scan(std::int64_t low, std::int64_t high, std::uint64_t* bits) const {
  if (isEmpty() || low > high || high < m_min || low > m_max) return 0;
  const auto fillAll = [&] {
    for (std::size_t w = 0; w < m_size / 64; ++w) bits[w] = ~0ull;
    if (m_size % 64) bits[m_size / 64] = (1ull << (m_size % 64)) - 1;
    return m_size;
  };
  if (m_width == 0 || (low <= m_min && high >= m_max && !m_hasMissing)) return fillAll();
  const auto base = static_cast<std::uint64_t>(m_base), step = static_cast<std::uint64_t>(m_step);
  const std::uint64_t from = (static_cast<std::uint64_t>(std::max(low, m_min)) - base + step - 1) / step;
  const std::uint64_t to = (static_cast<std::uint64_t>(std::min(high, m_max)) - base) / step;
  if (from > to) return 0;
  switch (m_width) {
    case 1: return scan8(m_codes, m_size, static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to - from), bits);
    case 2: return scan16(m_codes, m_size, static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to - from), bits);
    case 4: return scan32(m_codes, m_size, static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to - from), bits);
    default: return scan64(m_codes, m_size, from, to - from, bits);
  }
}

void PackedColumn::append(std::span<const std::int64_t> values) {
  std::vector<std::int64_t> last;
  if (m_size % kSegment != 0) {
    last.reserve(kSegment);
    for (std::size_t i = 0; i < m_segments.back()->size(); ++i) last.push_back(m_segments.back()->at(i));
    m_segments.pop_back();
  }
  m_size += values.size();
  while (!values.empty() || !last.empty()) {
    const std::size_t n = std::min(values.size(), kSegment - last.size());
    if (last.empty()) {
      m_segments.push_back(ColumnSegment::pack(values.first(n)));
    } else {
      last.insert(last.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n));
      m_segments.push_back(ColumnSegment::pack(last));
      last.clear();
    }
    values = values.subspan(n);
  }
}

std::size_t PackedColumn::readSegment(std::size_t segment, std::int64_t* out) const {
  if (segment >= m_segments.size()) return 0;
  m_segments[segment]->read(out);
  return m_segments[segment]->size();
}

bool PackedColumn::appendSegment(std::shared_ptr<const ColumnSegment> segment) {
  if (m_size % kSegment != 0) return false;
  m_size += segment->size();
  m_segments.push_back(std::move(segment));
  return true;
}

IdSet PackedColumn::range(std::int64_t low, std::int64_t high) const {
  if (low == kNoValue) ++low;
  ChunkedIds out;
  std::array<std::uint64_t, kWords> bits{};
  bool isDirty = false;
  for (std::size_t s = 0; s < m_segments.size(); ++s) {
    if (isDirty) bits.fill(0);
    const auto n = m_segments[s]->scan(low, high, bits.data());
    isDirty = n > 0;
    out.add(static_cast<std::uint16_t>(s), bits.data(), n);
  }
  return out.take();
}

std::pair<std::int64_t, std::int64_t> PackedColumn::extent() const {
  std::pair<std::int64_t, std::int64_t> out{INT64_MAX, INT64_MIN};
  for (const auto& s : m_segments) {
    if (s->isEmpty()) continue;
    out.first = std::min(out.first, s->min());
    out.second = std::max(out.second, s->max());
  }
  return out.first > out.second ? std::pair<std::int64_t, std::int64_t>{1, 0} : out;
}

std::size_t PackedColumn::bytes() const {
  std::size_t sum = 0;
  for (const auto& s : m_segments) sum += s->bytes() + sizeof(ColumnSegment);
  return sum;
}

}  // namespace retort::logs
