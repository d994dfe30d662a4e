// Parsing a chunk: lines to rows, accepted lines into compressed blocks, values into a local dictionary.
#include "logs/chunk_parser.h"

#include <algorithm>

#include "logs/format.h"
#include "logs/local_values.h"

namespace retort::logs {

namespace {

constexpr std::size_t kBlock = 512 * 1024;     ///< of raw lines: half a page is lost behind each packed block
constexpr std::uint32_t kNone = UINT32_MAX;

bool usesText(const FilterNode& node) {
  return (node.kind == FilterNode::Kind::test && node.field == "@text") || std::any_of(node.children.begin(), node.children.end(), usesText);
}

}  // namespace

struct ChunkParser::State {
  ParseRules rules;
  std::vector<ListedFile> files;
  LineParser parser;
  store::BlockEncoder encoder;
  std::optional<RecordMatcher> matcher;
  bool needsText = false;
  Call call;
  void take(ParsedChunk& out, Document document, std::string_view text, std::string_view line, bool isPadded, bool isDerived);
  std::vector<Document> documents;
  LocalValues values;
  std::string block;

  void addValues(ParsedChunk& out, ParsedRow& row, const Record& r) {
    std::size_t position = 0;
    const auto dimension = [&](std::string_view key, std::string_view value) {
      const std::size_t at = position++;
      if (value.empty()) return kNone;
      out.values.push_back(values.id(true, key, value, at));
      return out.values.back();
    };
    row.valuesBegin = static_cast<std::uint32_t>(out.values.size());
    row.model = dimension("@model", r.model);
    dimension("@model.raw", r.modelRaw);
    row.operation = dimension("@op", r.operation);
    dimension("@region", r.region);
    dimension("@status", r.status);
    row.stop = dimension("@stop", r.stop);
    dimension("@source", r.source);
    dimension("@error", r.errorCode);
    for (const auto& [key, value] : r.metadata) out.values.push_back(values.id(false, key, value, position++));
    if (r.flags & ~kUuid)
      for (const auto word : flagWords(r.flags)) dimension("@flags", word);
    row.valuesEnd = static_cast<std::uint32_t>(out.values.size());
  }

  void endBlock(ParsedChunk& out) {
    if (block.empty()) return;
    auto frame = encoder.encode(block);
    if (!frame.ok()) out.error = std::move(frame).error();
    else out.blocks.push_back({static_cast<std::uint32_t>(block.size()), std::move(*frame)});
    block.clear();
  }

  bool isFiltered() {
    const Record& r = call.record;
    if (rules.sinceUs && (!r.timeUs || *r.timeUs < *rules.sinceUs)) return true;
    if (rules.untilUs && (!r.timeUs || *r.timeUs >= *rules.untilUs)) return true;
    if (rules.where.matchesAll()) return false;
    if (!needsText) return !matcher->matches(r);
    Call copy = call;
    return !matcher->matches(std::move(copy).toRecord());
  }

  void addRow(ParsedChunk& out, std::string_view line) {
    const Record& r = call.record;
    ParsedRow row;
    std::copy_n(call.requestKey.data(), row.key.size(), row.key.data());
    row.timeUs = r.timeUs;
    row.inputTokens = r.inputTokens;
    row.outputTokens = r.outputTokens;
    row.cachedTokens = r.cachedTokens;
    row.latencyMs = r.latencyMs;
    row.ttftMs = r.ttftMs;
    row.flags = r.flags;
    row.turns = r.turns;
    row.status = r.status == "ok" ? 0 : r.status == "error" ? 1 : 2;
    row.promptHash = call.promptHash;
    row.contentHash = call.contentHash;
    row.previewBegin = static_cast<std::uint32_t>(out.previews.size());
    call.appendPreview(out.previews);
    row.previewEnd = static_cast<std::uint32_t>(out.previews.size());
    addValues(out, row, r);
    row.block = out.blocks.size();
    row.offset = block.size();
    row.length = line.size();
    block += line;
    if (call.needsReading) {   // the line alone would not give this record again
      call.spills.clear();
      const std::string path(call.format);
      call.spills.push_back({Side::reading, path, true, recordDocument(std::move(call).toRecord())});
    }
    row.spillsBegin = static_cast<std::uint32_t>(out.spills.size());
    for (auto& spill : call.spills) {
      ParsedSpill stored{spill.side, std::move(spill.path), spill.isFound, out.blocks.size(), block.size(), spill.bytes.size()};
      block += spill.bytes;
      out.spills.push_back(std::move(stored));
    }
    row.spillsEnd = static_cast<std::uint32_t>(out.spills.size());
    out.rows.push_back(row);
    if (block.size() >= kBlock) endBlock(out);
  }
};

ChunkParser::ChunkParser(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ChunkParser::ChunkParser(ChunkParser&&) noexcept = default;
ChunkParser::~ChunkParser() = default;

Result<ChunkParser> ChunkParser::create(const ParseRules& rules, const std::vector<ListedFile>& files) {
  auto state = std::make_unique<State>();
  state->rules = rules;
  state->files = files;
  state->needsText = usesText(rules.where.root);
  state->parser = LineParser(rules.read);
  state->encoder = store::BlockEncoder(rules.dictionary);
  RETORT_TRY(auto matcher, RecordMatcher::create(rules.where));
  state->matcher.emplace(std::move(matcher));
  return ChunkParser(std::move(state));
}

namespace {

void countFormat(ParsedChunk& out, const Call& call) {
  auto found = std::find_if(out.formats.begin(), out.formats.end(), [&](const FormatCount& f) { return f.name == call.format && f.isGuess == call.isGuess; });
  if (found == out.formats.end()) found = out.formats.insert(out.formats.end(), FormatCount{std::string(call.format), call.isGuess, 0, 0});
  ++found->documents;
  found->noCalls += call.isNoCall;
}

}  // namespace

/// Takes one record: `text` is what is read, `line` what is kept of the source.
void ChunkParser::State::take(ParsedChunk& out, Document document, std::string_view text, std::string_view line, bool isPadded, bool isDerived) {
  const ListedFile& file = files[document.file];
  const auto reject = [&](ParseReject why) {
    out.outcomes.push_back({Outcome::Kind::reject, static_cast<std::uint32_t>(out.rejects.size())});
    out.rejects.push_back(std::move(why));
    documents.push_back(std::move(document));
  };
  ParseReject why{};
  const SpillLoader loader = [&](std::string_view path, Side) { return readSpill(file.path, file.root, path); };
  const std::string folder = rules.read.pairs ? file.path.parent_path().string() : std::string();
  if (!parser.parse(text, isPadded, loader, call, why, folder)) {
    auto units = isDerived ? std::vector<Unit>() : parser.units(text);
    if (!units.empty()) {
      for (auto& unit : units) {
        Document part = document;
        part.offset += unit.begin;
        part.begin += unit.begin;
        part.length = part.fullLength = unit.length;
        part.isUnterminated = false;
        const auto bytes = line.substr(unit.begin, unit.length);
        take(out, std::move(part), unit.text.empty() ? bytes : std::string_view(unit.text), bytes, false, true);
      }
      return;
    }
    if (document.isCut) why = {RejectReason::truncated, "the file was cut here"};
    return reject(std::move(why));
  }
  countFormat(out, call);
  if (isDerived && text.data() != line.data()) call.needsReading = true;
  if (document.csv) call.needsReading = true;
  if (document.hadBom) call.record.flags |= kRepaired;
  if (!call.repairNote.empty() && out.repairNotes.size() < 20) out.repairNotes.emplace_back(static_cast<std::uint32_t>(out.outcomes.size()), call.repairNote);
  if (call.isNoCall || isFiltered()) {
    out.outcomes.push_back({Outcome::Kind::filtered, 0});
  } else {
    out.outcomes.push_back({Outcome::Kind::row, static_cast<std::uint32_t>(out.rows.size())});
    addRow(out, line);
  }
  documents.push_back(std::move(document));
}

ParsedChunk ChunkParser::parse(Chunk chunk, std::stop_token stop) {
  State& s = *m_state;
  ParsedChunk out;
  chunk.bytes.append(kPadding, '\0');
  out.outcomes.reserve(chunk.documents.size());
  out.rows.reserve(chunk.documents.size());
  s.values.begin(out);
  s.block.clear();
  s.documents.clear();
  s.documents.reserve(chunk.documents.size());
  const std::string_view bytes = chunk.bytes;
  for (auto& document : chunk.documents) {
    if (stop.stop_requested()) break;
    const auto reject = [&](ParseReject why) {
      out.outcomes.push_back({Outcome::Kind::reject, static_cast<std::uint32_t>(out.rejects.size())});
      out.rejects.push_back(std::move(why));
      s.documents.push_back(std::move(document));
    };
    if (document.isTooLong) {
      reject({RejectReason::tooLong, "longer than 64 MiB"});
      continue;
    }
    const auto line = bytes.substr(document.begin, document.length);
    if (!document.csv) {
      s.take(out, std::move(document), line, line, true, false);
      continue;
    }
    const auto json = csvRowToJson(*document.csv, line);
    if (json) s.take(out, std::move(document), *json, line, false, true);
    else reject({RejectReason::badType, "more cells than the header has columns"});
  }
  s.endBlock(out);
  chunk.documents = std::move(s.documents);   // elements in the place of the documents that held them
  out.chunk = std::move(chunk);
  return out;
}

}  // namespace retort::logs
