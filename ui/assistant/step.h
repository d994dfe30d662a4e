// One step of the Distil… assistant: a form that writes its part of the request and tells what is wrong with it.
#pragma once
#include <QFormLayout>
#include <QLineEdit>
#include <QVBoxLayout>
#include <QWidget>
#include <functional>
#include <optional>

#include "line/distil.h"
#include "ui/models/session.h"
#include "ui/widgets/controls.h"

class QComboBox;

namespace retort::ui {

class AssistantStep : public QWidget {
  Q_OBJECT
 public:
  /// What is wrong and the field at fault; nothing when all is right.
  struct Problem {
    Error error;
    QWidget* field = nullptr;
  };
  using Told = std::function<void(const std::optional<Problem>&)>;

  AssistantStep(Session* session, const QString& objectName, const QString& title, const QString& lead, QWidget* parent);
  [[nodiscard]] const QString& title() const { return m_title; }
  [[nodiscard]] const QString& lead() const { return m_lead; }
  /// The step comes into view; `request` holds what the steps before it wrote.
  virtual void enter(const line::DistilRequest& request) { Q_UNUSED(request); }
  virtual void write(line::DistilRequest& request) const = 0;
  /// Calls `then` on the GUI thread, at once or later.
  virtual void check(Told then) = 0;
  [[nodiscard]] virtual QWidget* firstField() const = 0;

 protected:
  [[nodiscard]] Session* session() const { return m_session; }
  [[nodiscard]] QVBoxLayout* column() const { return m_column; }
  QFormLayout* addForm();
  void setLabelWidth(int pixels) { m_labelWidth = pixels; }   ///< of the labels added after this
  QLineEdit* addLine(QFormLayout* form, const QString& name, const char* objectName, const QString& hint = {});
  QComboBox* addCombo(QFormLayout* form, const QString& name, const char* objectName);
  /// A line for a file's path with a button that chooses it; `folder` chooses a folder.
  QLineEdit* addPath(QFormLayout* form, const QString& name, const char* objectName, const QString& hint, bool folder = false);

 private:
  Session* m_session;
  QString m_title, m_lead;
  QVBoxLayout* m_column;
  int m_labelWidth = 130;
};

/// An error about one field of the window.
[[nodiscard]] Error fieldError(std::string_view code, const QString& what, const QString& field, const QString& why, const QString& next);

}  // namespace retort::ui
