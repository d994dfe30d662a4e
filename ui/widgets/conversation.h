// A conversation as its messages, one under the other, by role; text is never markup.
#pragma once
#include <QScrollArea>

#include "base/json.h"

class QVBoxLayout;

namespace retort::ui {

class ConversationView : public QScrollArea {
  Q_OBJECT
 public:
  explicit ConversationView(QWidget* parent = nullptr);
  /// `messages` in OpenAI's shape; `answer` (may be null) is the logged response, shown last and marked.
  void show(const Json& messages, const Json& answer);
  void clear();

 private:
  void add(const QString& role, const QString& text, bool answer);
  QVBoxLayout* m_column;
};

}  // namespace retort::ui
