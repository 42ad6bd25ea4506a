"""Names of the tasks in tests/parts/odd_tasks.py, which only a worker with settings can import."""

WAIT, POISON, BUG = "leaderboard.odd_wait", "leaderboard.odd_poison", "leaderboard.odd_bug"
