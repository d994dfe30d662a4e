// Runs a sample world into an output, with its side files.
#include "logs/generate.h"

#include "base/files.h"
#include "logs/generate_dirty.h"
#include "logs/generate_load.h"
#include "logs/generate_output.h"
#include "logs/generate_record.h"

namespace retort::logs {
namespace {

constexpr double kSpillShare = 0.004;
constexpr std::int64_t kMostGolden = 2'000;

/// One run of the generator; the two worlds share output, defects and counts.
class Generation {
 public:
  Generation(const fs::path& out, const GenerateOptions& options, std::stop_token stop, const ProgressFn& progress)
      : m_out(out), m_options(options), m_stop(std::move(stop)), m_meter(progress, "Generating", "records", options.records), m_defects(options.seed, options.dirty) {}

  Result<GenerateResult> run() {
    RETORT_TRY(m_output, GenerateOutput::open(m_out, m_options.isTree));
    RETORT_CHECK(m_options.isDesk ? desk() : load());
    m_defects.endFile(*m_output);
    RETORT_CHECK(m_output->finish());
    m_meter.finish();
    const auto& counts = m_defects.counts();
    m_result.lines = counts.lines;
    m_result.accepted = m_options.records;
    m_result.duplicates = counts.duplicates;
    m_result.rejected = counts.rejected;
    m_result.repaired = counts.repaired;
    m_result.files = m_output->files();
    m_result.bytes = m_output->bytes();
    m_result.sha256 = m_output->sha256();
    if (m_out != "-") RETORT_CHECK(writeSides());
    return m_result;
  }

 private:
  Status step(std::int64_t index, std::int64_t timeMs) {
    if (m_stop.stop_requested()) return cancelledError("Generating logs");
    if ((index & 0xFF) == 0) m_meter.at(index);
    if (!m_output->isTree()) {
      const auto flushed = m_output->atTime(timeMs, 0);
      return flushed.ok() ? Status() : Status(flushed.error());
    }
    const std::int64_t hour = timeMs / 3'600'000;
    if (hour != m_hour && m_hour >= 0) m_defects.endFile(*m_output);
    if (hour == m_hour) return {};
    m_hour = hour;
    const auto begun = m_output->atTime(timeMs, m_names.next());
    if (!begun.ok()) return begun.error();
    m_defects.beginFile(*m_output);
    return {};
  }

  Status desk() {
    DeskCalls calls(m_options.seed, m_options.records, m_options.metadataOnly);
    std::int64_t golden = m_options.golden >= 0 ? std::min(m_options.golden, m_options.records) : std::min(m_options.records / 3, kMostGolden);
    for (std::int64_t i = 0; i < m_options.records; ++i) {
      DeskCall call = calls.next();
      RETORT_CHECK(step(i, call.timeMs));
      RETORT_CHECK(addDesk(call, i == 0));
      const std::string label(deskKinds()[static_cast<std::size_t>(call.message.kind)].label);
      m_gold += dumpJson({{"request_id", call.requestId}, {"label", label}}) + "\n";
      // Selection sampling (Knuth 3.4.2 S): each record is as likely, and exactly the wanted number is taken.
      if (static_cast<std::int64_t>(m_names.below(static_cast<std::uint64_t>(m_options.records - i))) >= golden) continue;
      --golden;
      ++m_result.golden;
      m_golden += dumpJson({{"request_id", call.requestId},
                            {"messages", Json::array({{{"role", "user"}, {"content", call.message.text}}, {{"role", "assistant"}, {"content", label}}})}}) + "\n";
    }
    return {};
  }

  Status addDesk(DeskCall& call, bool isFirst) {
    const bool isMissing = m_options.isTree && m_defects.wantsMissingSpill();
    const bool isSpilled = m_options.isTree && (isFirst || m_names.chance(kSpillShare));
    if (m_options.metadataOnly || !(isMissing || isSpilled)) {
      m_defects.add(*m_output, dumpJson(call.record), call.requestId);
      return {};
    }
    const std::string name = call.requestId + "_input.json.gz";
    std::string path = m_output->spillPath(name);
    if (!isMissing) {
      RETORT_TRY(path, m_output->addSpill(name, dumpJson(call.input)));
    }
    Json input = Json::object();
    for (const auto& [key, value] : call.record["input"].items())
      if (key == "inputBodyJson") input["inputBodyS3Path"] = path;
      else input[key] = value;
    call.record["input"] = std::move(input);
    if (isMissing) m_defects.addMissingSpill(*m_output, dumpJson(call.record), call.requestId);
    else m_defects.add(*m_output, dumpJson(call.record), call.requestId);
    return {};
  }

  Status load() {
    LoadLines lines(m_options.seed, m_options.metadataOnly);
    for (std::int64_t i = 0; i < m_options.records; ++i) {
      const std::string_view line = lines.next();
      RETORT_CHECK(step(i, lines.timeMs()));
      m_defects.add(*m_output, line, lines.requestId());
    }
    return {};
  }

  /// Writes `text` beside the output as "<out>.<name>.jsonl"; returns the path, empty without text.
  Status side(std::string_view name, const std::string& text, bool isWanted, std::string& path) {
    if (!isWanted) return {};
    std::string base = m_out.string();
    while (base.size() > 1 && base.back() == '/') base.pop_back();
    path = base + "." + std::string(name) + ".jsonl";
    return writeFileAtomically(path, text);
  }

  Status writeSides() {
    RETORT_CHECK(side("gold", m_gold, m_options.isDesk, m_result.goldFile));
    RETORT_CHECK(side("golden", m_golden, m_options.isDesk && m_result.golden > 0, m_result.goldenFile));
    RETORT_CHECK(side("manifest", m_defects.manifest(), m_options.dirty > 0, m_result.manifestFile));
    return side("tolerated", m_defects.tolerated(), m_options.dirty > 0, m_result.toleratedFile);
  }

  fs::path m_out;
  GenerateOptions m_options;
  std::stop_token m_stop;
  ProgressMeter m_meter;
  std::unique_ptr<GenerateOutput> m_output;
  Defects m_defects;
  Random m_names{m_options.seed, "names"};
  std::int64_t m_hour = -1;
  std::string m_gold, m_golden;
  GenerateResult m_result;
};

}  // namespace

Json GenerateResult::toJson() const {
  Json json = {{"lines", lines}, {"accepted", accepted}, {"duplicates", duplicates}, {"rejected", rejected}, {"repaired", repaired},
               {"files", files}, {"bytes", bytes}, {"sha256", sha256}, {"golden_rows", golden}};
  for (const auto& [key, path] : {std::pair{"gold", &goldFile}, {"golden", &goldenFile}, {"manifest", &manifestFile}, {"tolerated", &toleratedFile}})
    if (!path->empty()) json[key] = *path;
  return json;
}

Result<GenerateResult> generateLogs(const fs::path& out, const GenerateOptions& options, std::stop_token stop, const ProgressFn& progress) {
  if (options.records < 1 || options.records > 4'000'000'000)
    return Error{"logs.generate.count", "The number of records does not fit", std::to_string(options.records), "it must lie between 1 and 4,000,000,000", {}, {}, {}};
  if (!(options.dirty >= 0 && options.dirty <= 1)) return Error{"logs.generate.dirty", "The rate of defects does not fit", {}, "it must lie between 0 and 1", {}, {}, {}};
  fs::path path = out;
  if (path.has_relative_path() && path.filename().empty()) path = path.parent_path();  // "logs/" is "logs"
  return Generation(path, options, std::move(stop), progress).run();
}

}  // namespace retort::logs
