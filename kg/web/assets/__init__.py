"""The query editor's script: its sources, the packages it is made from, and how it is bundled."""
