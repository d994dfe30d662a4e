// `logs import`, `logs models`, and the job kind "import".
#include <algorithm>

#include "app/retort-cli/background.h"
#include "app/retort-cli/cli.h"
#include "app/retort-cli/filter_arg.h"
#include "app/retort-cli/read_rules_arg.h"
#include "app/retort-cli/remote_arg.h"
#include "base/format.h"
#include "base/paths.h"
#include "logs/format.h"
#include "logs/importer.h"
#include "logs/log_store.h"
#include "logs/model_alias.h"

namespace retort::cli {
namespace {

int import(Context& context, const Args& args) {
  const bool isRemote = args.has("--from");
  if (isRemote && !args.positional().empty()) return context.usage("logs import reads files or --from a store, not both at once");
  if (!isRemote && args.positional().empty()) return context.usage("logs import needs a file, a folder or s3://BUCKET/PREFIX, or --from a store that is queried in place");
  logs::ImportOptions options;
  for (const auto& path : args.positional()) options.sources.emplace_back(path);
  const auto where = logs::parseFilter(args.get("--where"));
  if (!where.ok()) return failFilter(context, where.error());
  options.where = *where;
  const auto since = timeOption(args.get("--since"), "--since"), until = timeOption(args.get("--until"), "--until");
  if (!since.ok()) return context.fail(since.error());
  if (!until.ok()) return context.fail(until.error());
  options.sinceUs = *since;
  options.untilUs = *until;
  const auto workers = args.integer("--workers", 0);
  if (!workers.ok()) return context.fail(workers.error());
  options.workers = static_cast<int>(std::clamp<std::int64_t>(*workers, 0, 256));
  if (args.has("--format") && args.has("--map")) return context.usage("a map is a format of its own: give --format or --map");
  if (const auto known = logs::checkFormat(args.get("--format")); !known.ok()) return context.fail(known.error()), int(wrongUsage);
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (const auto writable = workspace->requireWritable(); !writable.ok()) return context.fail(writable.error());
  if (const auto rules = addReadRules(*workspace, args.get("--format"), args.get("--map"), options); !rules.ok()) return context.fail(rules.error());
  std::optional<logs::RemoteQuery> query;
  const auto summary = isRemote ? importFrom(context, args, *workspace, options, query) : logs::importLogs(workspace->logsDb(), options, context.stop, context.progress());
  if (!summary.ok()) return context.fail(summary.error());
  for (const auto& note : summary->notes) context.note(note);
  context.print(formatCount(summary->lines) + " lines of " + formatCount(summary->files) + " files" + (summary->format().empty() ? std::string() : " (" + summary->format() + (summary->isGuessed() ? ", a guess" : "") + ")") + ": " +
                formatCount(summary->accepted) + " accepted, " + formatCount(summary->duplicates) + " duplicates, " + formatCount(summary->rejected) + " rejected, " + formatCount(summary->filtered) + " filtered" +
                (summary->repaired ? " (" + formatCount(summary->repaired) + " repaired)" : std::string()) + "; " + formatBytes(static_cast<std::uint64_t>(summary->bytes)) +
                " in " + formatDuration(summary->seconds));
  if (summary->unchangedFiles > 0) context.print(formatCount(summary->unchangedFiles) + " files had been imported before and are unchanged");
  if (summary->remapped > 0) context.print(formatCount(summary->remapped) + " stored records have another model name by the edited table");
  if (summary->rejected > 0) context.note("Rejected lines: retort-cli logs rejects");
  if (!args.has("--no-derive") && summary->accepted + summary->remapped > 0)
    if (const auto queued = queueAfterImport(*workspace); !queued.ok()) context.note("Derived fields are not worked out by themselves (" + queued.error().text() + "); use: retort-cli logs derive");
  Json json = summary->toJson();
  if (query) {
    context.print("Pulled " + formatCount(query->pulled) + " records (" + formatBytes(static_cast<std::uint64_t>(query->bytes)) + ") with query " + query->id + costText(query->cost));
    json["query"] = query->toJson();
  }
  context.printJson(json);
  return summary->rejected > 0 ? int(someRejected) : int(done);
}

/// What stands in the logs, and what it is called.
int models(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto file = logs::aliasFileOf(workspace->root());
  for (const auto& pair : args.all("--set")) {
    const auto equal = pair.rfind('=');
    if (equal == std::string::npos || equal == 0) return context.usage("--set needs ID=MODEL; an empty MODEL takes the name away");
    if (const auto writable = workspace->requireWritable(); !writable.ok()) return context.fail(writable.error());
    if (const auto set = logs::setAlias(file, pair.substr(0, equal), pair.substr(equal + 1)); !set.ok()) return context.fail(set.error());
  }
  const auto resources = resourcesFolder();
  if (!resources.ok()) return context.fail(resources.error());
  const auto aliases = logs::ModelAliases::load(file, *resources / "model-aliases.json");
  if (!aliases.ok()) return context.fail(aliases.error());
  const auto store = logs::LogStore::open(workspace->logsDb());
  if (!store.ok()) return context.fail(store.error());
  const auto raw = (*store)->facets({}, {"@model.raw"}, 100'000, context.stop);
  if (!raw.ok()) return context.fail(raw.error());
  Json json = Json::array();
  if (!raw->empty())
    for (const auto& value : raw->front().values) {
      const std::string model = aliases->modelOf(value.value);
      context.print(formatCount(static_cast<std::int64_t>(value.count)) + "  " + shown(value.value) + "  →  " + shown(model));
      json.push_back({{"id", value.value}, {"model", model}, {"records", value.count}});
    }
  if (args.has("--set")) context.note("The next logs import gives stored records their new names");
  context.printJson({{"models", json}, {"table", file.string()}});
  return done;
}

/// Params: {"sources":[…],"where":text,"since":time,"until":time,"workers":n,"format":name,"map":file}.
Result<Json> importJob(JobContext& context) {
  logs::ImportOptions options;
  std::vector<std::string> sources;
  std::string where, since, until, format, map;
  ObjectReader reader(context.params, "spec.json: params");
  reader.required("sources", sources).optional("where", where).optional("since", since).optional("until", until).optional("workers", options.workers);
  reader.optional("format", format).optional("map", map);
  RETORT_CHECK(reader.finish());
  for (const auto& source : sources) options.sources.emplace_back(source);
  RETORT_TRY(options.where, logs::parseFilter(where));
  RETORT_TRY(options.sinceUs, timeOption(since, "since"));
  RETORT_TRY(options.untilUs, timeOption(until, "until"));
  RETORT_CHECK(context.workspace.requireWritable());
  RETORT_CHECK(addReadRules(context.workspace, format, map, options));
  // control/pause holds the import for as long as it lies there; control/resume takes both away.
  options.isPaused = [control = context.folder / "control"] {
    std::error_code error;
    if (std::filesystem::exists(control / "resume", error))
      for (const char* word : {"pause", "resume"}) std::filesystem::rename(control / word, control / (std::string(word) + ".done"), error);
    return std::filesystem::exists(control / "pause", error);
  };
  RETORT_TRY(const auto summary, logs::importLogs(context.workspace.logsDb(), options, context.stop, context.progress));
  if (summary.accepted + summary.remapped > 0) RETORT_CHECK(queueAfterImport(context.workspace));
  return summary.toJson();
}

const Registration r1{{"logs", "import", "logs import PATH|s3://BUCKET/PREFIX…|--from SOURCE [--format F] [--map FILE] [--since T] [--until T] [--where FILTER] [--no-derive]",
                       "Imports logs of any known format; continues where it stopped.",
                       withRemote({{"--format", "F", "read as this format; else recognised by content"}, {"--map", "FILE", "JSON paths of an unknown format; remembered in the workspace"},
                        {"--since", "T", "only records from this time on; of object storage only such hour folders are opened"}, {"--until", "T", "only records before this time"},
                        {"--where", "FILTER", "only records that match"}, {"--no-derive", "", "do not begin to work out derived fields in the background"}, {"--workers", "N", "parse threads; else one fewer than cores, at least two where there are two"}}), import}};
const Registration r2{{"logs", "models", "logs models [--set ID=MODEL]…", "Lists model ids as logged and what they are called; names one.", {{"--set", "ID=MODEL", "a name in the workspace's table; a final * in ID stands for any rest"}}, models}};
const JobRegistration j1("import", importJob);

}  // namespace
}  // namespace retort::cli
