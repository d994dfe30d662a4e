// A message in place: what happened, why, and a button that does the next step. Never a message box.
#pragma once
#include <QFrame>
#include <functional>

#include "base/error.h"
#include "ui/widgets/plain_label.h"

class QPushButton;
class QToolButton;

namespace retort::ui {

class Banner : public QFrame {
  Q_OBJECT
 public:
  enum class Kind { Info, Good, Caution, Bad };
  explicit Banner(QWidget* parent = nullptr);   ///< hidden until something is shown
  void show(Kind kind, const QString& what, const QString& why = {});
  void show(const Error& error);
  /// The button beside the text; empty text removes it. Call after show().
  void setAction(const QString& text, std::function<void()> action);
  void clear();
  [[nodiscard]] QString what() const { return m_what->fullText(); }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  Kind m_kind = Kind::Info;
  QWidget* m_icon;
  PlainLabel *m_what, *m_why;
  QPushButton* m_button;
  QToolButton* m_close;
  std::function<void()> m_action;
};

}  // namespace retort::ui
