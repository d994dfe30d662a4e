// One record beside the list: conversation, raw JSON, metadata.
#pragma once
#include <QWidget>
#include <memory>

#include "logs/log_store.h"
#include "ui/models/async.h"

class QPlainTextEdit;
class QTabWidget;

namespace retort::ui {

class ConversationView;
class PlainLabel;
class PlainTable;

class RecordPane : public QWidget {
  Q_OBJECT
 public:
  explicit RecordPane(QWidget* parent = nullptr);
  void show(std::shared_ptr<logs::LogStore> store, std::uint32_t id);
  void clear();

 Q_SIGNALS:
  void failed(const retort::Error& error);
  /// "Filter by this value": key and value of a metadata row.
  void valueChosen(const std::string& key, const std::string& value);

 private:
  PlainLabel *m_title, *m_facts, *m_none;
  QTabWidget* m_tabs;
  ConversationView* m_conversation;
  QPlainTextEdit* m_raw;
  PlainTable* m_metadata;
  Latest m_query;
};

}  // namespace retort::ui
