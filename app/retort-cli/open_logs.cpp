// Opening the log store, with a word on what was mended.
#include "app/retort-cli/open_logs.h"

namespace retort::cli {

Result<std::shared_ptr<logs::LogStore>> openLogs(const Context& context) {
  RETORT_TRY(const auto workspace, context.workspace());
  RETORT_TRY(auto store, logs::LogStore::open(workspace.logsDb()));
  if (const auto note = store->note()) context.note(note->text());
  return store;
}

}  // namespace retort::cli
