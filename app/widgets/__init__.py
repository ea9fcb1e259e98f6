"""Parts shared by several pages: charts, colours, images, forms and panels."""
